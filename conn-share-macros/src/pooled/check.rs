//! What a pool does when a method of the trait is called on it; what it cannot do says what to write instead.

use syn::visit::{self, Visit};
use syn::{Error, FnArg, Lifetime, Receiver, ReceiverKind, Result, ReturnType, Signature, Type};

use super::options::is_refused;
use crate::item::Method;
use crate::output::Output;

pub(super) enum Plan {
    /// Take a worker, and let it do it.
    Forward(How, Output),
    /// Ask the type of the workers: there is no `self`.
    Ask,
    /// Say that a pool does not do this; `None` if it is not async.
    Refuse(Option<(How, Output)>),
    /// Leave it to the trait's default.
    Default,
}

/// How the method makes a future.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    AsyncFn,
    ImplFuture,
    Boxed,
}

const WAYS_OUT: &str = "give it a default, or mark it `#[pooled(refuse)]`";

pub(super) fn plan(method: &Method) -> Result<Plan> {
    let sig = &method.sig;
    let future = how(sig);
    if is_refused(method)? {
        return match (&future, &sig.output) {
            (None, ReturnType::Type(_, ty)) if matches!(**ty, Type::ImplTrait(_)) => Err(Error::new_spanned(
                ty,
                "no value of an `impl Trait` can be made to refuse it: give the method a default",
            )),
            _ => Ok(Plan::Refuse(future)),
        };
    }
    let Some(receiver) = sig.receiver() else {
        return if let Some(this) = mentions_self(sig) {
            default_or(method, Error::new_spanned(this, format!("a worker's type is not the pool's: {WAYS_OUT}")))
        } else {
            Ok(Plan::Ask)
        };
    };
    let Some((how, output)) = future else {
        let text = format!("a method that is not async cannot wait for a worker: make it `async`, {WAYS_OUT}");
        return default_or(method, Error::new_spanned(&sig.ident, text));
    };
    if !is_reference(receiver) {
        let text = format!("a worker can be lent by reference only: take `&self`, {WAYS_OUT}");
        return default_or(method, Error::new_spanned(receiver, text));
    }
    if let Some(this) = mentions_self(sig) {
        return Err(Error::new_spanned(
            this,
            format!("a worker's type is not the pool's: use another type, or {REFUSE}"),
        ));
    }
    if let Some(borrowed) = borrows(sig, receiver) {
        let text = format!(
            "the worker is back in the pool when the method returns, so it cannot be borrowed from: return an owned value, or \
             {REFUSE}"
        );
        return Err(Error::new_spanned(borrowed, text));
    }
    Ok(Plan::Forward(how, output))
}

const REFUSE: &str = "mark the method `#[pooled(refuse)]`";

fn default_or(method: &Method, error: Error) -> Result<Plan> {
    if method.body.is_some() { Ok(Plan::Default) } else { Err(error) }
}

fn how(sig: &Signature) -> Option<(How, Output)> {
    if sig.asyncness.is_some() {
        return Some((How::AsyncFn, Output::of_async_fn(&sig.output, sig.ident.span())));
    }
    let output = Output::of_future(&sig.output)?;
    let opaque = matches!(&sig.output, ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)));
    Some((if opaque { How::ImplFuture } else { How::Boxed }, output))
}

fn is_reference(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(..) => true,
        ReceiverKind::Typed(_, ty) => {
            matches!(&**ty, Type::Reference(reference) if matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("Self")))
        }
        _ => false,
    }
}

/// Where the signature speaks of `Self` itself, beside the receiver.
fn mentions_self(sig: &Signature) -> Option<syn::Path> {
    struct Finder(Option<syn::Path>);

    impl<'ast> Visit<'ast> for Finder {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            if path.is_ident("Self") {
                self.0.get_or_insert_with(|| path.clone());
            }
            visit::visit_path(self, path);
        }
    }

    let mut finder = Finder(None);
    for argument in &sig.inputs {
        if let FnArg::Typed(argument) = argument {
            finder.visit_type(&argument.ty);
        }
    }
    finder.visit_return_type(&sig.output);
    finder.0
}

/// Where the output borrows from the receiver.
fn borrows<'a>(sig: &'a Signature, receiver: &Receiver) -> Option<&'a Type> {
    struct Finder<'r> {
        of_receiver: Option<&'r Lifetime>,
        found: bool,
    }

    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            self.found |= reference.lifetime.is_none();
            visit::visit_type_reference(self, reference);
        }

        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            self.found |= lifetime.ident == "_" || Some(lifetime) == self.of_receiver;
        }

        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            // It holds every lifetime in scope.
            self.found = true;
        }

        // Lifetimes in there are of its own arguments.
        fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

        fn visit_parenthesized_generic_arguments(&mut self, _: &'ast syn::ParenthesizedGenericArguments) {}
    }

    let of_receiver = match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, _) => lifetime.as_ref(),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) => reference.lifetime.as_ref(),
            _ => None,
        },
        _ => None,
    };
    let ReturnType::Type(_, written) = &sig.output else { return None };
    let output = match sig.asyncness {
        Some(_) => &**written,
        None => Output::written_in_future(written)?,
    };
    let mut finder = Finder { of_receiver, found: false };
    finder.visit_type(output);
    finder.found.then_some(output)
}
