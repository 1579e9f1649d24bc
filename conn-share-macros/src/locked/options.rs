//! `#[locked(timeout = "5s", span, crate = path)]`.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Path, Result, Token};

use super::time::parse_time;

#[derive(Clone, Default)]
pub(super) struct Options {
    /// How long a call may wait for the lock.
    pub(super) timeout: Option<Duration>,
    /// Whether the body runs in a `tracing` span.
    pub(super) span: Option<()>,
    /// Where conn-share is, if not at `::conn_share`.
    pub(super) conn_share: Option<Path>,
}

impl Options {
    /// A method's own options replace those of its impl; only the way to the crate is still taken from there.
    pub(super) fn inside(self, outer: &Self) -> Self {
        Self {
            timeout: self.timeout,
            span: self.span,
            conn_share: self.conn_share.or_else(|| outer.conn_share.clone()),
        }
    }

    /// The module that expansions name; `span` is for our own way of writing it.
    pub(super) fn private(&self, span: Span) -> TokenStream {
        match &self.conn_share {
            Some(path) => quote!(#path::__private),
            None => quote_spanned!(span=> ::conn_share::__private),
        }
    }
}

const KNOWN: &str = "`#[locked]` knows `timeout = \"5s\"`, `span` and `crate = path::to::conn_share`";

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                let name: Token![crate] = input.parse()?;
                let value: Path = value(input, "crate = path::to::conn_share")?;
                once(&mut options.conn_share, value, || Error::new(name.span, "`crate` is given twice"))?;
            } else {
                let name: Ident = input.parse().map_err(|error| Error::new(error.span(), KNOWN))?;
                if name == "timeout" {
                    let text: LitStr = value(input, "timeout = \"5s\"")?;
                    let time = parse_time(&text.value()).map_err(|why| Error::new(text.span(), why))?;
                    once(&mut options.timeout, time, || Error::new(name.span(), "`timeout` is given twice"))?;
                } else if name == "span" {
                    once(&mut options.span, (), || Error::new(name.span(), "`span` is given twice"))?;
                } else {
                    return Err(Error::new(name.span(), format!("unknown option `{name}`: {KNOWN}")));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn value<T: Parse>(input: ParseStream<'_>, form: &str) -> Result<T> {
    let written = input.parse::<Token![=]>().and_then(|_| input.parse());
    written.map_err(|error| Error::new(error.span(), format!("write `{form}`")))
}

fn once<T>(slot: &mut Option<T>, value: T, twice: impl FnOnce() -> Error) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(twice()),
    }
}
