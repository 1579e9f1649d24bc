//! `#[locked]`: parse what it stands on, check it, expand it.
//!
//! A mistake never costs more than its own message: the item goes out as it was written, without our attributes, and
//! the message beside it, so that nothing else turns red.

mod check;
mod expand;
mod options;
mod parse;
mod returns;
mod time;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Result};

use self::check::plan;
use self::options::Options;
use self::parse::{Choice, Container, Item, Member, Method};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let written = match syn::parse2::<Item>(item.clone()) {
        Ok(written) => written,
        Err(error) => return beside(item, &error),
    };
    let expanded = syn::parse2::<Options>(options).and_then(|options| match &written {
        Item::Container(container) => expand_container(container, &options),
        Item::Method(method) => expand_method(method, options),
    });
    expanded.unwrap_or_else(|error| beside(written.without_our_attributes(), &error))
}

/// `#[locked]` takes every `#[unlocked]` away before the compiler sees it; one that is left stands alone.
pub(crate) fn expand_unlocked(item: TokenStream) -> TokenStream {
    let error = Error::new(
        proc_macro2::Span::call_site(),
        "`#[unlocked]` means something only on a method of an impl or trait that is `#[locked]`; \
         without that no method is locked, so remove it",
    );
    beside(item, &error)
}

fn expand_container(container: &Container, options: &Options) -> Result<TokenStream> {
    let mut members = TokenStream::new();
    for member in &container.members {
        match member {
            Member::Other(tokens) => tokens.to_tokens(&mut members),
            Member::Method(method) => {
                for (method, choice) in method.variants()? {
                    let own = match choice {
                        Choice::Unlocked => None,
                        Choice::Inherited => plan(&method, options, false)?,
                        Choice::Own(own) => plan(&method, &own.inside(options), true)?,
                    };
                    expand::method(&method, own.as_ref(), Some(&container.owner)).to_tokens(&mut members);
                }
            }
        }
    }
    Ok(container.with_members(members))
}

fn expand_method(method: &Method, mut options: Options) -> Result<TokenStream> {
    let mut expanded = TokenStream::new();
    for (method, choice) in method.variants()? {
        match choice {
            Choice::Inherited => {}
            Choice::Own(own) => options = own.inside(&options),
            Choice::Unlocked => {
                return Err(Error::new_spanned(
                    &method.sig.ident,
                    "this method is both `#[locked]` and `#[unlocked]`: keep one",
                ));
            }
        }
        let plan = plan(&method, &options, true)?;
        expand::method(&method, plan.as_ref(), None).to_tokens(&mut expanded);
    }
    Ok(expanded)
}

fn beside(item: TokenStream, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}
