//! The implementation for `AsyncPool`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericParam, ItemTrait, Pat, ReceiverKind, Result, ReturnType, Signature, TraitItem, Type,
    parse_quote,
};

use super::check::{How, Plan, plan};
use super::options::Options;
use crate::item::{Container, Member, Method, is_ours};
use crate::output::Output;

/// ```text
/// #[pooled]
/// trait Executes: Send + Sync {
///     async fn execute(&self, command: &str) -> io::Result<String>;
/// }
/// // gets
/// impl<Worker> Executes for AsyncPool<Worker>
/// where
///     Worker: Executes + Send + Sync + 'static,
/// {
///     // So that whoever waits for this worker is told where the user's call stands.
///     #[track_caller]
///     fn execute(&self, command: &str) -> impl Future<Output = io::Result<String>> {
///         let turn = AsyncPool::get(self);
///         async move {
///             let worker = match turn.await {
///                 Ok(worker) => worker,
///                 Err(error) => return no_worker::<io::Result<String>>(error),
///             };
///             <Worker as Executes>::execute(&*worker, command).await
///         }
///     }
/// }
/// ```
///
/// Under `#[async_trait]`, which writes the signature itself, the method stays an `async fn`, and its own place in the trait
/// stands for the call's; likewise where a boxed future is returned.
pub(super) fn implementation(written: &Container, options: &Options) -> Result<TokenStream> {
    let bare = written.bare_trait()?;
    let pool = Pool::new(&bare, options);
    let mut members = TokenStream::new();
    for member in &written.members {
        match member {
            Member::Method(method) => members.extend(pool.method(method, &plan(method)?)),
            Member::Other(tokens) => members.extend(pool.associated(tokens)?),
        }
    }
    let Pool { conn_share, worker, its_trait, .. } = &pool;
    let mut generics = bare.generics.clone();
    generics.params.push(GenericParam::Type(parse_quote!(#worker)));
    let conditions = generics.make_where_clause();
    conditions.predicates.push(parse_quote! {
        #worker: #its_trait + ::core::marker::Send + ::core::marker::Sync + 'static
    });
    let (generics, _, conditions) = generics.split_for_impl();
    // `#[async_trait]` has to stand on the impl as well; and what there is under a condition is pooled under it.
    let kept = bare
        .attrs
        .iter()
        .filter(|attribute| is_ours(attribute.path(), "async_trait") || attribute.path().is_ident("cfg"));
    Ok(quote! {
        #(#kept)*
        impl #generics #its_trait for #conn_share::AsyncPool<#worker> #conditions {
            #members
        }
    })
}

struct Pool<'a> {
    name: &'a Ident,
    conn_share: TokenStream,
    options: &'a Options,
    /// The type parameter for the workers.
    worker: Ident,
    /// `Executes<T>`
    its_trait: TokenStream,
    /// `#[async_trait]` will turn the methods into what it makes of an `async fn`.
    async_trait: bool,
    ours: Span,
}

impl<'a> Pool<'a> {
    fn new(bare: &'a ItemTrait, options: &'a Options) -> Self {
        let ours = Span::mixed_site();
        let (name, (_, arguments, _)) = (&bare.ident, bare.generics.split_for_impl());
        Self {
            name,
            conn_share: options.conn_share(ours),
            options,
            worker: Ident::new("__PooledWorker", ours),
            its_trait: quote!(#name #arguments),
            async_trait: bare.attrs.iter().any(|attribute| is_ours(attribute.path(), "async_trait")),
            ours,
        }
    }

    fn method(&self, method: &Method, plan: &Plan) -> TokenStream {
        let Self { worker, its_trait, .. } = self;
        let (mut sig, arguments) = named_arguments(&method.sig);
        let name = &sig.ident;
        let types = explicit_types(&sig);
        let conditions = method.conditions();
        let mut tracked = None;
        let body = match plan {
            Plan::Default => return TokenStream::new(),
            Plan::Ask => {
                let wait = sig.asyncness.map(|_| quote!(.await));
                quote!(<#worker as #its_trait>::#name #types (#(#arguments),*) #wait)
            }
            Plan::Forward(how, output) => {
                let call = quote!(<#worker as #its_trait>::#name #types);
                let (turn, body) = self.forward(&sig, output, &call, &arguments);
                match how {
                    How::AsyncFn if self.async_trait || matches!(output, Output::Never) => quote!(#turn #body),
                    // Called through `dyn`, it would be told of the attribute's place and not of the call's.
                    How::Boxed => future(*how, quote!(#turn #body)),
                    How::AsyncFn | How::ImplFuture => {
                        tracked = Some(quote_spanned!(self.ours=> #[track_caller]));
                        return_future(&mut sig);
                        let future = future(How::ImplFuture, body);
                        quote!(#turn #future)
                    }
                }
            }
            Plan::Refuse(asynchronous) => {
                let body = match asynchronous {
                    Some((how, output)) => future(*how, self.refuse(&sig, output)),
                    None => self.refuse(&sig, &Output::of_async_fn(&sig.output, name.span())),
                };
                for argument in &mut sig.inputs {
                    if let FnArg::Typed(argument) = argument {
                        *argument.pat = parse_quote!(_);
                    }
                }
                body
            }
        };
        quote!(#(#conditions)* #tracked #sig { #body })
    }

    /// Asks for a worker; and uses it.
    fn forward(
        &self,
        sig: &Signature,
        output: &Output,
        call: &TokenStream,
        arguments: &[Ident],
    ) -> (TokenStream, TokenStream) {
        let ours = &self.ours;
        let Some(receiver) = sig.receiver() else { return Default::default() };
        let this = receiver.self_token;
        let exclusive = match &receiver.kind {
            ReceiverKind::Reference(_, _, exclusive) => *exclusive,
            ReceiverKind::Typed(_, ty) => match &**ty {
                Type::Reference(reference) => reference.mutability,
                _ => None,
            },
            _ => None,
        };
        let worker = Ident::new("worker", *ours);
        let turn = Ident::new("turn", *ours);
        let error = Ident::new("error", *ours);
        let no_worker = match output {
            Output::Named(ty) => {
                let at_output = ours.located_at(ty.span());
                let private = self.private(at_output);
                quote_spanned!(at_output=> #private::no_worker::<#ty>(#error))
            }
            Output::Never | Output::Opaque => {
                let at_name = ours.located_at(sig.ident.span());
                let private = self.private(at_name);
                quote_spanned!(at_name=> #private::no_worker(#error))
            }
        };
        // Where nobody says where the call stands, it is here: a span of ours would stand for the attribute's line.
        let at_name = sig.ident.span();
        let conn_share = self.options.conn_share(at_name);
        let ask = quote_spanned!(at_name=> let #turn = #conn_share::AsyncPool::get(#this););
        let use_it = quote_spanned! {*ours=>
            let #exclusive #worker = match #turn.await {
                ::core::result::Result::Ok(#worker) => #worker,
                ::core::result::Result::Err(#error) => return #no_worker,
            };
            #call(& #exclusive *#worker, #(#arguments),*).await
        };
        (ask, use_it)
    }

    /// An error that says so where there can be one, a panic elsewhere.
    fn refuse(&self, sig: &Signature, output: &Output) -> TokenStream {
        let ours = self.ours;
        let private = self.private(ours);
        let text = format!(
            "`{}::{}` cannot be called on a pool: take a worker with `get()` and call it there",
            self.name, sig.ident
        );
        match output {
            Output::Named(ty) => quote_spanned! {ours=>
                #[allow(unused_imports)]
                use #private::NoError as _;
                #private::Refusal::<#ty>::new().refuse(#text)
            },
            Output::Never | Output::Opaque => quote_spanned!(ours=> ::core::panic!(#text)),
        }
    }

    fn private(&self, span: Span) -> TokenStream {
        let conn_share = self.options.conn_share(span);
        quote_spanned!(span=> #conn_share::__private)
    }

    /// Types and constants are those of the workers.
    fn associated(&self, tokens: &TokenStream) -> Result<TokenStream> {
        let Self { worker, its_trait, .. } = self;
        match syn::parse2(tokens.clone())? {
            TraitItem::Type(item) => {
                let (name, (generics, arguments, conditions)) = (&item.ident, item.generics.split_for_impl());
                Ok(quote!(type #name #generics = <#worker as #its_trait>::#name #arguments #conditions;))
            }
            TraitItem::Const(item) => {
                let (name, ty) = (&item.ident, &item.ty);
                Ok(quote!(const #name: #ty = <#worker as #its_trait>::#name;))
            }
            other => Err(Error::new_spanned(
                other,
                "`#[pooled]` cannot see what this is: write methods, types and constants",
            )),
        }
    }
}

fn future(how: How, body: TokenStream) -> TokenStream {
    match how {
        How::AsyncFn => body,
        How::ImplFuture => quote_spanned!(Span::mixed_site()=> async move { #body }),
        How::Boxed => quote_spanned!(Span::mixed_site()=> ::std::boxed::Box::pin(async move { #body })),
    }
}

/// What an `async fn` in a trait stands for.
fn return_future(sig: &mut Signature) {
    if sig.asyncness.take().is_some() {
        let output = match &sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        sig.output = parse_quote!(-> impl ::core::future::Future<Output = #output>);
    }
}

/// The signature with a name for each argument, and the names.
fn named_arguments(sig: &Signature) -> (Signature, Vec<Ident>) {
    let mut sig = sig.clone();
    let mut names = Vec::new();
    for argument in &mut sig.inputs {
        let FnArg::Typed(argument) = argument else { continue };
        let name = match &*argument.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
            _ => format_ident!("argument_{}", names.len(), span = Span::mixed_site()),
        };
        *argument.pat = parse_quote!(#name);
        names.push(name);
    }
    (sig, names)
}

/// `::<T, N>`, unless there are arguments of `impl Trait`, beside which that cannot be written.
fn explicit_types(sig: &Signature) -> Option<TokenStream> {
    let opaque = sig.inputs.iter().any(|argument| {
        matches!(argument, FnArg::Typed(argument) if argument.ty.to_token_stream().to_string().starts_with("impl "))
    });
    let names: Vec<&Ident> = sig
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!opaque && !names.is_empty()).then(|| quote!(::<#(#names),*>))
}
