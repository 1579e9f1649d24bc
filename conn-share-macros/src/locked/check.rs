//! Whether and how one method is locked; every refusal says what to write instead.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{Block, Error, Receiver, ReceiverKind, Result, Signature, Stmt, Type};

use super::options::Options;
use crate::item::{Method, regroup};
use crate::output::{Output, bare};

/// How a method is going to be locked.
pub(super) struct Plan {
    pub(super) options: Options,
    pub(super) holder: Holder,
    pub(super) output: Output,
    pub(super) form: Form,
}

/// How the method has its instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// `&self`
    Reference,
    /// `self: &Arc<Self>`
    ArcReference,
    /// `self: Arc<Self>`
    Arc,
}

/// Where the code that runs under the lock stands.
pub(super) enum Form {
    /// In the body of an `async fn`.
    Body(Group),
    /// In the async block that the method returns, perhaps in a `Box::pin(..)`.
    Block(AsyncBlock),
}

pub(super) struct AsyncBlock {
    /// `let` statements, and what stands before the block in its statement.
    before: Vec<TokenTree>,
    pub(super) capture: Option<TokenTree>,
    pub(super) body: Group,
    after: Vec<TokenTree>,
    /// The parentheses of `Box::pin(..)`.
    around: Option<(Vec<TokenTree>, Group)>,
}

/// `None`: the method is left alone. `asked` says that the method itself wears `#[locked]`.
pub(super) fn plan(method: &Method, options: &Options, asked: bool) -> Result<Option<Plan>> {
    let sig = &method.sig;
    let name = &sig.ident;
    let output = match sig.asyncness {
        Some(_) => Some(Output::of_async_fn(&sig.output, name.span())),
        None => Output::of_future(&sig.output),
    };
    let (Some(receiver), Some(output)) = (sig.receiver(), output) else {
        return if asked { Err(refuse_function(sig)) } else { Ok(None) };
    };
    let Some(body) = &method.body else {
        return if asked {
            Err(Error::new_spanned(name, "a method without a body has nothing to lock: put `#[locked]` on its impl"))
        } else {
            Ok(None)
        };
    };
    let holder = holder(receiver, asked)?;
    if options.timeout.is_some() && !matches!(output, Output::Named(_)) {
        return Err(Error::new_spanned(
            &sig.output,
            "a locked method with a timeout must return a `Result` that says so: write `Result<T, E>` where \
             `E: From<conn_share::LockError>`, or leave the timeout out",
        ));
    }
    let form = if sig.asyncness.is_some() {
        Form::Body(body.clone())
    } else {
        let block = AsyncBlock::find(body.stream()).ok_or_else(|| {
            let text = "`#[locked]` needs the returned future to be one async block, at the end of the method and \
                        after nothing but `let`s: write `async fn`, or `async move { .. }`, or \
                        `Box::pin(async move { .. })`";
            Error::new_spanned(name, with_way_out(text, asked))
        })?;
        Form::Block(block)
    };
    Ok(Some(Plan { options: options.clone(), holder, output, form }))
}

fn refuse_function(sig: &Signature) -> Error {
    if let Some(constness) = &sig.constness {
        return Error::new_spanned(
            constness,
            "a `const fn` cannot wait for a lock: remove `const` and make it `async fn`, or remove `#[locked]`",
        );
    }
    if sig.receiver().is_none() {
        return Error::new_spanned(
            &sig.ident,
            "`#[locked]` locks an instance, and this function has none: make it a method that takes `&self`, or remove \
             `#[locked]`",
        );
    }
    Error::new_spanned(
        sig.fn_token,
        "`#[locked]` is for async methods: write `async fn`, or return `impl Future` or `Pin<Box<dyn Future>>` from one \
         async block, or remove `#[locked]`",
    )
}

fn holder(receiver: &Receiver, asked: bool) -> Result<Holder> {
    let refuse = |text: &str| Err(Error::new_spanned(receiver, with_way_out(text, asked)));
    const STATE: &str = "keep what changes in the lock, as `ConnLock<State>`, and reach it with `state()`";
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => Ok(Holder::Reference),
        ReceiverKind::Reference(_, _, Some(_)) => refuse(&format!(
            "`&mut self` has the instance to itself, there is nothing to lock: take `&self`, and {STATE}"
        )),
        ReceiverKind::Typed(_, ty) => match bare(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => refuse(&format!(
                "`&mut Self` has the instance to itself, there is nothing to lock: take `&self`, and {STATE}"
            )),
            Type::Reference(reference) if is_named(&reference.elem, "Arc") => Ok(Holder::ArcReference),
            Type::Reference(reference) if is_named(&reference.elem, "Self") => Ok(Holder::Reference),
            ty if is_named(ty, "Arc") => Ok(Holder::Arc),
            ty if is_named(ty, "Self") => refuse(CONSUMES),
            ty if is_named(ty, "Pin") => {
                refuse(&format!("a pinned `Self` cannot be shared by calls: take `&self`, and {STATE}"))
            }
            _ => refuse("`#[locked]` knows the receivers `&self`, `self: &Arc<Self>` and `self: Arc<Self>`"),
        },
        _ => refuse(CONSUMES),
    }
}

const CONSUMES: &str = "`self` takes the instance away from those who wait for it: take `&self` or `self: Arc<Self>`";

fn with_way_out(text: &str, asked: bool) -> String {
    let way_out = if asked { "remove `#[locked]`" } else { "mark the method `#[unlocked]`" };
    format!("{text}; or {way_out}")
}

fn is_named(ty: &Type, name: &str) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

impl AsyncBlock {
    /// Finds the block in `let ..; async move { .. }` and `let ..; Box::pin(async move { .. })`, by tokens alone, so
    /// that a block which is half typed is found as well.
    fn find(body: TokenStream) -> Option<Self> {
        let mut before: Vec<TokenTree> = body.into_iter().collect();
        let tail = before.iter().rposition(|token| is_punct(token, ';')).map_or(0, |semicolon| semicolon + 1);
        let tail = before.split_off(tail);
        let leading: TokenStream = before.iter().cloned().collect();
        let leading = syn::parse::Parser::parse2(Block::parse_within, leading).ok()?;
        if !leading.iter().all(|statement| matches!(statement, Stmt::Local(_) | Stmt::Item(_))) {
            return None;
        }
        if let Some(block) = Self::split(&tail) {
            return Some(Self { before, ..block });
        }
        let (TokenTree::Group(arguments), constructor) = tail.split_last()? else { return None };
        let is_pin = matches!(constructor.last(), Some(TokenTree::Ident(name)) if name == "pin");
        if !is_pin || arguments.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let inside: Vec<TokenTree> = arguments.stream().into_iter().collect();
        let block = Self::split(&inside)?;
        before.extend_from_slice(constructor);
        Some(Self { around: Some((before, arguments.clone())), ..block })
    }

    /// `async move { .. }`, perhaps with `.boxed()` or a comma after it.
    fn split(tokens: &[TokenTree]) -> Option<Self> {
        let (keyword, rest) = tokens.split_first()?;
        if !is_ident(keyword, "async") {
            return None;
        }
        let (capture, rest) = match rest.split_first()? {
            (capture, rest) if is_ident(capture, "move") => (Some(capture.clone()), rest),
            _ => (None, rest),
        };
        let (TokenTree::Group(body), after) = rest.split_first()? else { return None };
        let closes = match after {
            [] => true,
            [comma] => is_punct(comma, ','),
            [dot, TokenTree::Ident(name), TokenTree::Group(nothing)] => {
                is_punct(dot, '.') && (name == "boxed" || name == "boxed_local") && nothing.stream().is_empty()
            }
            _ => false,
        };
        (closes && body.delimiter() == Delimiter::Brace).then(|| Self {
            before: Vec::new(),
            capture,
            body: body.clone(),
            after: after.to_vec(),
            around: None,
        })
    }

    /// The method's body with other contents in the block.
    pub(super) fn with_contents(&self, contents: TokenStream) -> TokenStream {
        let Self { before, capture, body, after, around } = self;
        let body = regroup(body, contents);
        let block = quote!(#(#before)* async #capture #body #(#after)*);
        match around {
            None => block,
            Some((constructor, parentheses)) => {
                let parentheses = regroup(parentheses, block);
                quote!(#(#constructor)* #parentheses)
            }
        }
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}
