//! `#[locked]`: parse what it stands on, check it, expand it.
//!
//! A mistake never costs more than its own message: the item goes out as it was written, without our attributes, and
//! the message beside it, so that nothing else turns red.

mod check;
mod expand;
mod options;
mod parse;
#[cfg(test)]
mod tests;
mod time;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Result};

use self::check::plan;
use self::options::Options;
use self::parse::{Choice, Item, assemble};
use crate::beside;
use crate::item::{Container, Member, Method, Owner};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let written = match syn::parse2::<Item>(item.clone()) {
        Ok(written) => written,
        Err(error) => return beside(item, &error),
    };
    let options = match syn::parse2::<Options>(options) {
        Ok(options) => options,
        Err(error) => return beside(written.without_our_attributes(&Options::default()), &error),
    };
    let expanded = match &written {
        Item::Container(container) => expand_container(container, &options),
        Item::Method(method) => expand_method(method, options.clone()),
    };
    expanded.unwrap_or_else(|error| beside(written.without_our_attributes(&options), &error))
}

/// `#[locked]` heeds every `#[unlocked]` before the compiler sees it; one that is left stands alone.
///
/// It marks those that stay for the compiler to see that the import is used: `#[unlocked(inside_locked)]`.
pub(crate) fn expand_unlocked(options: &TokenStream, item: TokenStream) -> TokenStream {
    if options.to_string() == "inside_locked" {
        return item;
    }
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
                    members.extend(expand_member(&method, choice, options, &container.owner)?);
                }
            }
        }
    }
    Ok(assemble(container, members, options))
}

fn expand_member(method: &Method, choice: Choice, options: &Options, owner: &Owner) -> Result<TokenStream> {
    let plan = match choice {
        Choice::Unlocked => Ok(None),
        Choice::Inherited => plan(method, options, false),
        Choice::Own(own) => plan(method, &own.inside(options), true),
    };
    let plan = plan.and_then(|plan| match plan {
        Some(_) if owner.is_unbounded && method.sig.generics.where_clause.is_none() => {
            let text = format!(
                "`#[locked]` takes the lock of whoever implements the trait: write `trait {}: conn_share::Lockable`",
                owner.name
            );
            Err(Error::new(owner.span, text))
        }
        plan => Ok(plan),
    });
    match plan {
        Ok(plan) => Ok(expand::method(method, plan.as_ref(), Some(owner))),
        // A method that is configured away is wrong for nobody; the compiler knows whether it is.
        Err(error) if method.conditions().next().is_some() => {
            let conditions = method.conditions();
            let error = error.to_compile_error();
            Ok(quote!(#method #(#conditions)* #error))
        }
        Err(error) => Err(error),
    }
}

fn expand_method(method: &Method, mut options: Options) -> Result<TokenStream> {
    if expand::is_expanded(method) {
        return Err(Error::new_spanned(
            &method.sig.ident,
            "the impl is locked, and this method as well under another name: write `#[locked(..)]` by its own name, and \
             it takes the place of the impl's",
        ));
    }
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
