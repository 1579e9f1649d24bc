//! `#[derive(Lockable)]`: finds the lock among the fields and says how to recover.
//!
//! After a mistake an implementation is still made, so that the methods that are `#[locked]` do not turn red too.

mod fields;
mod options;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Result};

use self::fields::{LockField, state_of};
use self::options::{Options, Recovery};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    implementation(&input).unwrap_or_else(|error| {
        let error = error.to_compile_error();
        let stand_in = stand_in(&input);
        quote!(#error #stand_in)
    })
}

/// ```text
/// #[derive(Lockable)]
/// #[lockable(recover = Self::reconnect)]
/// struct TelnetConnection { lock: ConnLock<Option<TcpStream>> }
/// // gets
/// impl Lockable for TelnetConnection {
///     type State = Option<TcpStream>;
///
///     fn conn_lock(&self) -> &ConnLock<Self::State> {
///         &self.lock
///     }
///
///     fn recover(&self) -> Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + '_>> {
///         Box::pin(async move { IntoRecovery::into_recovery(Self::reconnect(self).await) })
///     }
/// }
/// ```
///
/// A field that was marked may have an alias for a type or be an `Arc`: there the trait `LockField` finds lock and state.
fn implementation(input: &DeriveInput) -> Result<TokenStream> {
    let options = Options::of(input)?;
    let LockField { member, ty } = LockField::of(input)?;
    let at_field = Span::call_site().located_at(ty.span());
    let conn_share = options.conn_share(at_field);
    let (state, lock) = match state_of(ty) {
        Some(state) => (state, quote_spanned!(at_field=> &self.#member)),
        None => (
            quote_spanned!(at_field=> <#ty as #conn_share::__private::LockField>::State),
            quote_spanned!(at_field=> #conn_share::__private::LockField::lock(&self.#member)),
        ),
    };
    let recovery = match &options.recovery {
        None => None,
        Some(Recovery::Accept) => Some(quote!(::std::future::ready(::core::result::Result::Ok(())))),
        Some(Recovery::Call(path)) => {
            let method = path.path.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
            let at_path = Span::call_site().located_at(method);
            Some(quote_spanned! {at_path=>
                async move { #conn_share::__private::IntoRecovery::into_recovery(#path(self).await) }
            })
        }
    };
    let recover = recovery.map(|future| {
        quote! {
            fn recover(&self) -> ::core::pin::Pin<::std::boxed::Box<
                dyn ::core::future::Future<Output = ::core::result::Result<(), #conn_share::RecoverError>>
                    + ::core::marker::Send + '_,
            >> {
                ::std::boxed::Box::pin(#future)
            }
        }
    });
    Ok(implement(input, &conn_share, at_field, &state, &lock, recover))
}

/// What stands in for the implementation after a mistake, which has been reported.
fn stand_in(input: &DeriveInput) -> TokenStream {
    let conn_share = Options::of(input).unwrap_or_default().conn_share(Span::call_site());
    implement(input, &conn_share, Span::call_site(), &quote!(()), &quote!(::core::unreachable!()), None)
}

fn implement(
    input: &DeriveInput,
    conn_share: &TokenStream,
    at_field: Span,
    state: &TokenStream,
    lock: &TokenStream,
    recover: Option<TokenStream>,
) -> TokenStream {
    let name = &input.ident;
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    let conn_lock = quote_spanned! {at_field=>
        fn conn_lock(&self) -> &#conn_share::ConnLock<Self::State> {
            #lock
        }
    };
    quote! {
        #[automatically_derived]
        impl #generics #conn_share::Lockable for #name #arguments #conditions {
            type State = #state;

            #conn_lock

            #recover
        }
    }
}
