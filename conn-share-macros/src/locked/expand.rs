//! Puts a method's code under the lock.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{PathArguments, Receiver, Type, parse_quote};

use super::check::{Form, Holder, Plan};
use crate::item::{Method, Owner, regroup};
use crate::output::{Fallible, Output};

/// Gives back the method with its code under the lock; without a plan, as it is.
///
/// ```text
/// pub async fn execute(&self, command: &str) -> io::Result<String> {
///     self.send(command).await?;
///     self.receive().await
/// }
/// // becomes
/// pub async fn execute(&self, command: &str) -> io::Result<String> {
///     locked(
///         self,
///         {
///             static SITE: Site = Site::new("TelnetConnection::execute", file!(), line!());
///             &SITE
///         },
///         move |error| {
///             use NotResult as _;
///             Returns::<io::Result<String>>::new().lock_failed(error)
///         },
///         async move {
///             // Tells the compiler what the block returns, for the `?`s in it.
///             if let Some(hint) = None::<io::Result<String>> {
///                 return hint;
///             }
///             {
///                 self.send(command).await?;
///                 self.receive().await
///             }
///         },
///     )
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

/// Whether the method's body is one of ours already.
pub(super) fn is_expanded(method: &Method) -> bool {
    let tokens: Vec<TokenTree> = method.body.iter().flat_map(Group::stream).collect();
    let is = |token: &TokenTree, name: &str| matches!(token, TokenTree::Ident(ident) if ident == name);
    tokens.windows(4).any(|window| is(&window[0], "__private") && is(&window[3], "locked"))
}

/// What the pieces of one expansion have in common.
struct Names<'a> {
    plan: &'a Plan,
    method: &'a Ident,
    owner: Option<&'a Owner>,
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
            Output::Named(ty) => error_of(ty).unwrap_or_else(|| ty.span()),
            Output::Never | Output::Opaque => name.span(),
        };
        Self {
            plan,
            method: name,
            owner,
            ours,
            of_type: owner.map_or_else(|| name.span(), |owner| owner.span),
            of_output: ours.located_at(of_output),
        }
    }

    /// `::conn_share::__private`
    fn private(&self, span: Span) -> TokenStream {
        self.plan.options.private(span)
    }

    fn locked(&self, receiver: &Receiver, capture: Option<&TokenTree>, code: &Group) -> TokenStream {
        let ours = self.ours;
        let error = Ident::new("error", self.of_output);
        let this = self.instance(receiver);
        let (returns, site) = self.site();
        let keep = self.keep(receiver);
        let failed = self.lock_failed(&error);
        let contents = self.contents(code);
        let at_type = ours.located_at(self.of_type);
        let private = self.private(at_type);
        let or_else = quote_spanned!(ours=> move |#error| #failed);
        let body = quote_spanned!(ours=> async #capture { #contents });
        let body = match self.plan.options.span {
            None => body,
            // Inside, so that the span begins when the method has the lock.
            Some(()) => {
                let (private, name) = (self.private(ours), self.name());
                quote_spanned!(ours=> async #capture { #private::in_span(#name, #body).await })
            }
        };
        let locked = quote_spanned!(at_type=> #private::locked(#this, #site, #or_else, #body));
        let never = matches!(self.plan.output, Output::Never).then(|| quote_spanned!(ours=> match));
        let never_comes = never.as_ref().map(|_| quote_spanned!(ours=> {}));
        quote_spanned! {ours=>
            #keep
            #returns
            #never #locked.await #never_comes
        }
    }

    /// Where the code has an `Arc` to give away, the section needs one that stays.
    fn keep(&self, receiver: &Receiver) -> Option<TokenStream> {
        let this = receiver.self_token;
        let owner = Ident::new("owner", self.ours);
        (self.plan.holder == Holder::Arc)
            .then(|| quote_spanned!(self.ours=> let #owner = ::core::clone::Clone::clone(&#this);))
    }

    /// The instance, by reference.
    fn instance(&self, receiver: &Receiver) -> TokenStream {
        let at_type = self.ours.located_at(self.of_type);
        let this = Ident::new("self", receiver.self_token.span.located_at(self.of_type));
        match self.plan.holder {
            Holder::Reference => this.into_token_stream(),
            Holder::ArcReference => quote_spanned!(at_type=> &**#this),
            Holder::Arc => {
                let owner = Ident::new("owner", self.ours);
                quote_spanned!(at_type=> &*#owner)
            }
        }
    }

    /// `Type::method`, as far as it is known.
    fn name(&self) -> TokenStream {
        let text = self.method.to_string();
        match self.owner {
            Some(owner) => format!("{}::{text}", owner.name).into_token_stream(),
            None => quote_spanned!(self.ours=> ::core::concat!(::core::module_path!(), "::", #text)),
        }
    }

    /// A static that says who waits or holds; two where only the compiler knows whether the method returns a `Result`,
    /// and the statement that asks it.
    fn site(&self) -> (Option<TokenStream>, TokenStream) {
        let Self { ours, method, .. } = self;
        let private = self.private(*ours);
        // At the method's own name: there, `line!()` is the method's line and not the attribute's.
        let here = method.span();
        let place = quote_spanned!(here=> ::core::file!(), ::core::line!());
        let name = self.name();
        let timeout = self.plan.options.timeout.map(|limit| {
            let (seconds, nanoseconds) = (limit.as_secs(), limit.subsec_nanos());
            quote_spanned!(*ours=> .timeout(::core::time::Duration::new(#seconds, #nanoseconds)))
        });
        let site = quote_spanned!(*ours=> #private::Site::new(#name, #place) #timeout);
        match (&self.plan.output, self.plan.output.fallible()) {
            (Output::Named(output), Fallible::Perhaps) => {
                let returns = Ident::new("returns", *ours);
                let site = quote_spanned! {*ours=> {
                    #[allow(unused_imports)]
                    use #private::NotResult as _;
                    static FALLIBLE: #private::Site = #site;
                    static INFALLIBLE: #private::Site = #site.infallible();
                    #returns.site(&FALLIBLE, &INFALLIBLE)
                }};
                (Some(quote_spanned!(*ours=> let #returns = #private::Returns::<#output>::new();)), site)
            }
            (_, fallible) => {
                let infallible = (fallible != Fallible::Yes).then(|| quote_spanned!(*ours=> .infallible()));
                let site = quote_spanned! {*ours=> {
                    static SITE: #private::Site = #site #infallible;
                    &SITE
                }};
                (None, site)
            }
        }
    }

    /// Turns a lock error into what the method returns.
    fn lock_failed(&self, error: &Ident) -> TokenStream {
        let Self { ours, of_output, .. } = self;
        let private = self.private(*of_output);
        let output = match &self.plan.output {
            Output::Never => return quote_spanned!(*ours=> #private::no_lock(&#error)),
            Output::Opaque => {
                return quote_spanned!(*of_output=> #private::NotResult::lock_failed(#private::Returns::new(), #error));
            }
            Output::Named(output) => output,
        };
        let bounded = self.plan.options.timeout.map(|_| quote_spanned!(*of_output=> .bounded()));
        let returns = match self.plan.output.fallible() {
            Fallible::Perhaps => Ident::new("returns", *ours).into_token_stream(),
            Fallible::Yes | Fallible::No => quote_spanned!(*of_output=> #private::Returns::<#output>::new()),
        };
        quote_spanned! {*of_output=> {
            #[allow(unused_imports)]
            use #private::NotResult as _;
            #returns #bounded .lock_failed(#error)
        }}
    }

    /// The user's code, and before it a hint that tells the compiler what it returns.
    fn contents(&self, code: &Group) -> TokenStream {
        let ours = self.ours;
        let hint = Ident::new("hint", ours);
        match &self.plan.output {
            Output::Opaque => code.stream(),
            Output::Never => quote_spanned! {ours=>
                #[allow(clippy::diverging_sub_expression)]
                let #hint: ::core::convert::Infallible = #code;
                #[allow(unreachable_code)]
                #hint
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

/// Where the `E` of a `Result<T, E>` stands.
fn error_of(ty: &Type) -> Option<Span> {
    let Type::Path(path) = ty else { return None };
    let result = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &result.arguments else { return None };
    arguments.args.iter().nth(1).map(Spanned::span)
}

/// Takes off the `#![allow(..)]`s, which may stand only at the start of the outermost block.
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
    let mut code = regroup(code, rest.into_iter().collect());
    // Braces that are ours: nobody is to be told that they are needless.
    code.set_span(Span::mixed_site().located_at(code.span()));
    (tokens.into_iter().collect(), code)
}
