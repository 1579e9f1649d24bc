//! `#[pooled(crate = path)]` on the trait, `#[pooled(refuse)]` on a method.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Path, Result, Token};

use crate::item::{Method, is_ours};

#[derive(Default)]
pub(super) struct Options {
    conn_share: Option<Path>,
}

impl Options {
    /// The crate; `span` is for our own way of writing it.
    pub(super) fn conn_share(&self, span: Span) -> TokenStream {
        match &self.conn_share {
            Some(path) => quote!(#path),
            None => quote_spanned!(span=> ::conn_share),
        }
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        if input.is_empty() {
            return Ok(options);
        }
        let known = |error: Error| {
            Error::new(
                error.span(),
                "on a trait, `#[pooled]` knows `crate = path::to::conn_share`; `refuse` is for methods",
            )
        };
        input.parse::<Token![crate]>().map_err(known)?;
        input.parse::<Token![=]>().map_err(known)?;
        options.conn_share = Some(input.parse()?);
        input.parse::<Option<Token![,]>>()?;
        Ok(options)
    }
}

/// Whether a method is marked `#[pooled(refuse)]`.
pub(super) fn is_refused(method: &Method) -> Result<bool> {
    let mut marks = method.attributes.iter().filter(|attribute| is_ours(attribute.path(), "pooled"));
    let Some(mark) = marks.next() else { return Ok(false) };
    let word = mark.parse_args::<Ident>();
    match word {
        Ok(word) if word == "refuse" => Ok(true),
        _ => Err(Error::new_spanned(mark, "on a method, `#[pooled(refuse)]` is all there is")),
    }
}
