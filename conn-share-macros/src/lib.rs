//! The macros of conn-share; use them through that crate, which re-exports them.

use proc_macro::TokenStream;

mod lockable;
mod locked;

/// Makes the async methods of an impl, of a trait, or one method, run one at a time per instance.
#[proc_macro_attribute]
pub fn locked(options: TokenStream, item: TokenStream) -> TokenStream {
    locked::expand(options.into(), item.into()).into()
}

/// Leaves one method of a `#[locked]` impl unlocked.
#[proc_macro_attribute]
pub fn unlocked(options: TokenStream, item: TokenStream) -> TokenStream {
    locked::expand_unlocked(&options.into(), item.into()).into()
}

/// Implements `Lockable` for a struct with a `ConnLock`.
#[proc_macro_derive(Lockable, attributes(lockable))]
pub fn derive_lockable(item: TokenStream) -> TokenStream {
    lockable::expand(item.into()).into()
}
