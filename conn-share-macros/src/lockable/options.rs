//! `#[lockable(recover = Self::reconnect)]` on the struct.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{DeriveInput, ExprPath, Path, Result};

#[derive(Default)]
pub(super) struct Options {
    pub(super) recovery: Option<Recovery>,
    conn_share: Option<Path>,
}

/// What to do after a section was cut off.
pub(super) enum Recovery {
    /// Call this.
    Call(ExprPath),
    /// Nothing: the state cannot be half-done.
    Accept,
}

const KNOWN: &str = "`#[lockable(..)]` on a struct knows `recover = Self::method`, `accept_interrupted` and `crate = path::to::conn_share`";

impl Options {
    pub(super) fn of(input: &DeriveInput) -> Result<Self> {
        let mut options = Self::default();
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("lockable")) {
            attribute.parse_nested_meta(|meta| {
                let previous = if meta.path.is_ident("recover") {
                    options.recovery.replace(Recovery::Call(meta.value()?.parse()?)).is_some()
                } else if meta.path.is_ident("accept_interrupted") {
                    options.recovery.replace(Recovery::Accept).is_some()
                } else if meta.path.is_ident("crate") {
                    options.conn_share.replace(meta.value()?.parse()?).is_some()
                } else if meta.path.is_ident("lock") {
                    return Err(meta.error("`#[lockable(lock)]` goes on the field that is the lock"));
                } else {
                    return Err(meta.error(KNOWN));
                };
                if previous {
                    return Err(meta.error(
                        "`recover` says what to do after an interruption, `accept_interrupted` that nothing is to be \
                         done: write one of them, once",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }

    /// The crate; `span` is for our own way of writing it.
    pub(super) fn conn_share(&self, span: Span) -> TokenStream {
        self.conn_share.as_ref().map_or_else(|| quote_spanned!(span=> ::conn_share), ToTokens::to_token_stream)
    }
}
