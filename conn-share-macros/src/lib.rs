//! The macros of conn-share; use them through that crate, which re-exports them.

use proc_macro::TokenStream;

mod item;
mod lockable;
mod locked;
mod output;
mod pooled;

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

/// Implements a trait for a pool of what implements it.
#[proc_macro_attribute]
pub fn pooled(options: TokenStream, item: TokenStream) -> TokenStream {
    pooled::expand(options.into(), item.into()).into()
}

/// The item as it was written, and the message: nothing else turns red.
fn beside(item: proc_macro2::TokenStream, error: &syn::Error) -> proc_macro2::TokenStream {
    let error = error.to_compile_error();
    quote::quote!(#item #error)
}
