//! What comes out of a method's future, as far as the written type tells.

use proc_macro2::Span;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Path, PathArguments, PathSegment, ReturnType, Type, TypeParamBound, parse_quote_spanned};

pub(crate) enum Output {
    /// A type that can be named; `impl Trait` inside of it is written `_`.
    Named(Box<Type>),
    /// `!`
    Never,
    /// Nothing but `impl Trait`, or a future that does not say.
    Opaque,
}

/// Whether a method can return a lock error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallible {
    Yes,
    No,
    /// An alias: the compiler knows.
    Perhaps,
}

impl Output {
    pub(crate) fn of_async_fn(written: &ReturnType, name: Span) -> Self {
        match written {
            ReturnType::Default => Self::Named(Box::new(parse_quote_spanned!(name=> ()))),
            ReturnType::Type(_, ty) => Self::new(ty),
        }
    }

    /// Of a method that is not async but returns a future; `None` if it does not.
    pub(crate) fn of_future(written: &ReturnType) -> Option<Self> {
        let ReturnType::Type(_, ty) = written else { return None };
        match future(ty)? {
            Future::Of(output) => Some(Self::new(output)),
            Future::Silent => Some(Self::Opaque),
        }
    }

    /// `T` of a type that is written `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>` or `BoxFuture<T>`.
    pub(crate) fn written_in_future(ty: &Type) -> Option<&Type> {
        match future(ty)? {
            Future::Of(output) => Some(output),
            Future::Silent => None,
        }
    }

    fn new(ty: &Type) -> Self {
        match bare(ty) {
            Type::Never(_) => Self::Never,
            Type::ImplTrait(_) => Self::Opaque,
            ty => {
                let mut ty = ty.clone();
                OpaqueToInferred.visit_type_mut(&mut ty);
                Self::Named(Box::new(ty))
            }
        }
    }

    pub(crate) fn fallible(&self) -> Fallible {
        let Self::Named(ty) = self else { return Fallible::No };
        match &**ty {
            Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Result") => Fallible::Yes,
            Type::Path(_) | Type::Macro(_) | Type::Verbatim(_) => Fallible::Perhaps,
            _ => Fallible::No,
        }
    }
}

enum Future<'a> {
    Of(&'a Type),
    /// It does not say of what.
    Silent,
}

fn future(ty: &Type) -> Option<Future<'_>> {
    let bounds = match bare(ty) {
        Type::ImplTrait(opaque) => &opaque.bounds,
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
                return Some(type_argument(last).map_or(Future::Silent, Future::Of));
            }
            let boxed = type_argument(last).filter(|_| last.ident == "Pin")?;
            let Type::Path(boxed) = bare(boxed) else { return None };
            let Type::TraitObject(object) = bare(type_argument(boxed.path.segments.last()?)?) else { return None };
            &object.bounds
        }
        _ => return None,
    };
    let PathArguments::AngleBracketed(arguments) = &future_bound(bounds)?.segments.last()?.arguments else {
        return Some(Future::Silent);
    };
    let output = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assigned) if assigned.ident == "Output" => Some(&assigned.ty),
        _ => None,
    });
    Some(output.map_or(Future::Silent, Future::Of))
}

struct OpaqueToInferred;

impl VisitMut for OpaqueToInferred {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(opaque) = ty {
            *ty = parse_quote_spanned!(opaque.impl_token.span=> _);
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// Without the parentheses and invisible groups around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

fn future_bound<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<&'a Path> {
    bounds.into_iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) if bound.path.segments.last()?.ident == "Future" => Some(&bound.path),
        _ => None,
    })
}

/// The last type among the generic arguments: `T` of `BoxFuture<'a, T>`.
fn type_argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().rev().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
