//! Puts a method's code under the lock.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Receiver, parse_quote};

use super::check::{Form, Holder, Plan};
use super::parse::{Method, Owner, regroup};
use super::returns::{Fallible, Output};

/// Gives back the method with its code under the lock; without a plan, as it is.
///
/// ```text
/// pub async fn execute(&self, command: &str) -> io::Result<String> {
///     self.send(command).await?;
///     self.receive().await
/// }
/// // becomes
/// pub async fn execute(&self, command: &str) -> io::Result<String> {
///     {
///         static SITE: Site = Site::new("TelnetConnection::execute", file!(), line!());
///         locked(
///             self,
///             &SITE,
///             |error| {
///                 use NotResult as _;
///                 Returns::<io::Result<String>>::new().lock_failed(error)
///             },
///             async move {
///                 // Tells the compiler what the block returns, for the `?`s in it.
///                 if let Some(hint) = None::<io::Result<String>> {
///                     return hint;
///                 }
///                 {
///                     self.send(command).await?;
///                     self.receive().await
///                 }
///             },
///         )
///     }
///     .await
/// }
/// ```
///
/// Where the method is no `async fn`, the same happens inside the async block that it returns.
pub(super) fn method(method: &Method, plan: Option<&Plan>, owner: Option<&Owner>) -> TokenStream {
    let Some(plan) = plan else { return method.to_token_stream() };
    let Some((receiver, body)) = method.sig.receiver().zip(method.body.as_ref()) else {
        return method.to_token_stream();
    };
    let names = Names::new(method, plan, owner);
    let body = match &plan.form {
        Form::Body(code) => {
            let (inner_attributes, code) = split_inner_attributes(code);
            let locked = names.locked(receiver, Some(&parse_quote!(move)), &code);
            regroup(body, quote!(#inner_attributes #locked))
        }
        Form::Block(block) => {
            let (inner_attributes, code) = split_inner_attributes(&block.body);
            let locked = names.locked(receiver, block.capture.as_ref(), &code);
            regroup(body, block.with_contents(quote!(#inner_attributes #locked)))
        }
    };
    Method { body: Some(body), ..method.clone() }.into_token_stream()
}

/// What the pieces of one expansion have in common.
struct Names<'a> {
    plan: &'a Plan,
    method: &'a Ident,
    owner: Option<&'a Owner>,
    /// `::conn_share::__private`
    private: TokenStream,
    /// Names of ours: the user's code cannot see them, nor they the user's.
    ours: Span,
    /// Where the compiler complains about the type: the impl's header, the same for all methods, so that it does so once.
    of_type: Span,
    /// Where it complains about what the method returns.
    of_output: Span,
}

impl<'a> Names<'a> {
    fn new(method: &'a Method, plan: &'a Plan, owner: Option<&'a Owner>) -> Self {
        let ours = Span::mixed_site();
        let name = &method.sig.ident;
        let of_output = match &plan.output {
            Output::Named(ty) => ty.span(),
            Output::Never | Output::Opaque => name.span(),
        };
        let private = match &plan.options.conn_share {
            Some(path) => quote!(#path::__private),
            None => quote_spanned!(ours=> ::conn_share::__private),
        };
        Self {
            plan,
            method: name,
            owner,
            private,
            ours,
            of_type: owner.map_or_else(|| name.span(), |owner| owner.span),
            of_output: ours.located_at(of_output),
        }
    }

    fn locked(&self, receiver: &Receiver, capture: Option<&TokenTree>, code: &Group) -> TokenStream {
        let ours = self.ours;
        let error = Ident::new("error", ours);
        let failed = self.lock_failed(&error);
        let contents = self.contents(code);
        let rest = quote_spanned!(ours=> |#error| #failed, async #capture { #contents });
        let (owner, locked) = self.locked_call(receiver, &rest);
        quote_spanned! {ours=>
            #owner
            { #locked }.await
        }
    }

    /// The statement that keeps the instance alive, where one is needed, and the call that takes the lock.
    fn locked_call(&self, receiver: &Receiver, rest: &TokenStream) -> (TokenStream, TokenStream) {
        let Self { private, ours, .. } = self;
        let at_type = ours.located_at(self.of_type);
        let this = Ident::new("self", receiver.self_token.span.located_at(self.of_type));
        let (owner, this) = match self.plan.holder {
            Holder::Reference => (None, quote!(#this)),
            Holder::ArcReference => (None, quote_spanned!(at_type=> &**#this)),
            // The code has `self` to give away; the section needs one that stays.
            Holder::Arc => {
                let owner = Ident::new("owner", *ours);
                let keep = quote_spanned!(*ours=> let #owner = ::core::clone::Clone::clone(&#this););
                (Some(keep), quote_spanned!(at_type=> &*#owner))
            }
        };
        let (sites, site) = self.sites();
        let locked = quote_spanned! {at_type=>
            #sites
            #private::locked(#this, #site, #rest)
        };
        (owner.unwrap_or_default(), locked)
    }

    /// One static that says who waits or holds; two where only the compiler knows whether the method returns a `Result`.
    fn sites(&self) -> (TokenStream, TokenStream) {
        let Self { private, ours, method, .. } = self;
        // At the method's own name: there, `line!()` is the method's line and not the attribute's.
        let (file, line) = {
            let here = method.span();
            (quote_spanned!(here=> ::core::file!()), quote_spanned!(here=> ::core::line!()))
        };
        let name = match self.owner {
            Some(owner) => format!("{}::{method}", owner.name).into_token_stream(),
            None => {
                let method = method.to_string();
                quote_spanned!(*ours=> ::core::concat!(::core::module_path!(), "::", #method))
            }
        };
        let timeout = self.plan.options.timeout.map(|limit| {
            let (seconds, nanoseconds) = (limit.as_secs(), limit.subsec_nanos());
            quote_spanned!(*ours=> .timeout(::core::time::Duration::new(#seconds, #nanoseconds)))
        });
        let site = format_ident!("SITE", span = *ours);
        let new = quote_spanned!(*ours=> #private::Site::new(#name, #file, #line) #timeout);
        let (fallible, infallible) = (
            quote_spanned!(*ours=> static #site: #private::Site = #new;),
            quote_spanned!(*ours=> static #site: #private::Site = #new.infallible();),
        );
        match (&self.plan.output, self.plan.output.fallible()) {
            (_, Fallible::Yes) => (fallible, quote_spanned!(*ours=> &#site)),
            (_, Fallible::No) | (Output::Never | Output::Opaque, _) => (infallible, quote_spanned!(*ours=> &#site)),
            (Output::Named(output), Fallible::Perhaps) => {
                let sure = format_ident!("INFALLIBLE_SITE", span = *ours);
                let sites = quote_spanned! {*ours=>
                    #[allow(unused_imports)]
                    use #private::NotResult as _;
                    #fallible
                    static #sure: #private::Site = #new.infallible();
                };
                (sites, quote_spanned!(*ours=> #private::Returns::<#output>::new().site(&#site, &#sure)))
            }
        }
    }

    /// Turns a lock error into what the method returns.
    fn lock_failed(&self, error: &Ident) -> TokenStream {
        let Self { private, ours, of_output, .. } = self;
        let bounded = self.plan.options.timeout.map(|_| quote_spanned!(*of_output=> .bounded()));
        match &self.plan.output {
            Output::Never => quote_spanned!(*ours=> #private::no_lock(&#error)),
            Output::Opaque => {
                quote_spanned!(*of_output=> #private::NotResult::lock_failed(#private::Returns::new() #bounded, #error))
            }
            Output::Named(output) => quote_spanned! {*of_output=> {
                #[allow(unused_imports)]
                use #private::NotResult as _;
                #private::Returns::<#output>::new() #bounded .lock_failed(#error)
            }},
        }
    }

    /// The user's code, and before it a hint that tells the compiler what it returns.
    fn contents(&self, code: &Group) -> TokenStream {
        let ours = self.ours;
        let hint = Ident::new("hint", ours);
        match &self.plan.output {
            Output::Opaque => code.stream(),
            Output::Never => quote_spanned! {ours=>
                #[allow(unreachable_code)]
                {
                    let #hint: ::core::convert::Infallible = #code;
                    match #hint {}
                }
            },
            Output::Named(output) => quote_spanned! {ours=>
                if let ::core::option::Option::Some(#hint) = ::core::option::Option::None::<#output> {
                    return #hint;
                }
                #code
            },
        }
    }
}

/// `#![allow(..)]` may stand only at the start of the outermost block.
fn split_inner_attributes(code: &Group) -> (TokenStream, Group) {
    let mut tokens: Vec<TokenTree> = code.stream().into_iter().collect();
    let mut end = 0;
    while let [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(_), ..] = &tokens[end..] {
        if hash.as_char() != '#' || bang.as_char() != '!' {
            break;
        }
        end += 3;
    }
    let rest = tokens.split_off(end);
    (tokens.into_iter().collect(), regroup(code, rest.into_iter().collect()))
}
