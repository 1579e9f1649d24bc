//! Which field is the lock.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::{Data, DeriveInput, Error, Field, Fields, Member, PathArguments, Result, Type};

pub(super) struct LockField<'a> {
    pub(super) member: Member,
    pub(super) ty: &'a Type,
}

impl<'a> LockField<'a> {
    pub(super) fn of(input: &'a DeriveInput) -> Result<Self> {
        let fields = match &input.data {
            Data::Struct(data) => &data.fields,
            Data::Enum(data) => return Err(not_a_struct(data.enum_token, "an enum")),
            Data::Union(data) => return Err(not_a_struct(data.union_token, "a union")),
        };
        let mut marked = Vec::new();
        for (field, member) in fields.iter().zip(fields.members()) {
            if is_marked(field)? {
                marked.push((field, member));
            }
        }
        let candidates = match marked[..] {
            [] => fields.iter().zip(fields.members()).filter(|(field, _)| state_of(&field.ty).is_some()).collect(),
            _ => marked,
        };
        match &candidates[..] {
            [] => Err(none(input, fields)),
            [(field, member)] => Ok(Self { member: member.clone(), ty: &field.ty }),
            [_, (second, _), ..] => Err(Error::new_spanned(
                second,
                "a second lock: `#[locked]` takes one lock per instance, so mark the one it is to take, and only that, \
                 with `#[lockable(lock)]`",
            )),
        }
    }
}

fn not_a_struct(token: impl ToTokens, what: &str) -> Error {
    Error::new_spanned(
        token,
        format!(
            "`#[derive(Lockable)]` is for structs; put {what} into a struct beside a field `lock: ConnLock<State>`"
        ),
    )
}

fn none(input: &DeriveInput, fields: &Fields) -> Error {
    let field = match fields {
        Fields::Named(_) => "`lock: ConnLock<State>`",
        Fields::Unnamed(_) => "`ConnLock<State>`",
        Fields::Unit => "`{ lock: ConnLock<State> }`",
    };
    let text = format!(
        "`{}` has no lock: add a field {field} (`ConnLock` alone if it has no state to own), or mark the one whose type \
         only has another name with `#[lockable(lock)]`",
        input.ident
    );
    Error::new_spanned(&input.ident, text)
}

fn is_marked(field: &Field) -> Result<bool> {
    let mut marked = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("lockable")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("lock") {
                return Err(meta.error("on a field, `#[lockable(lock)]` is all there is"));
            }
            marked = true;
            Ok(())
        })?;
    }
    Ok(marked)
}

/// `S` of a `ConnLock<S>` that is written as such, `()` of a `ConnLock`.
pub(super) fn state_of(ty: &Type) -> Option<TokenStream> {
    let path = match ty {
        Type::Group(group) => return state_of(&group.elem),
        Type::Paren(paren) => return state_of(&paren.elem),
        Type::Path(path) => &path.path,
        _ => return None,
    };
    let last = path.segments.last().filter(|last| last.ident == "ConnLock")?;
    Some(match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.to_token_stream(),
        _ => quote_spanned!(last.ident.span()=> ()),
    })
}
