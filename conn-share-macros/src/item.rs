//! Impls, traits and methods, parsed as far as macros need it.
//!
//! Bodies stay tokens, so that one that is half typed goes through unharmed, and the header of an impl is given back
//! token by token.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, ImplItem, ItemImpl, ItemTrait, Meta, Result, Signature, Token, TraitItem, Type, Visibility, token,
};

/// An impl or a trait.
pub(crate) struct Container {
    header: TokenStream,
    /// Those of the header.
    pub(crate) attributes: Vec<Attribute>,
    braces: Group,
    pub(crate) owner: Owner,
    pub(crate) members: Vec<Member>,
}

/// Whose methods they are: the type of an impl, the name of a trait.
pub(crate) struct Owner {
    /// As in `TelnetConnection::execute`.
    pub(crate) name: String,
    /// Where a complaint about the type belongs.
    pub(crate) span: Span,
    /// A trait that asks nothing of its implementors: their lock, for one, is out of reach.
    pub(crate) is_unbounded: bool,
}

pub(crate) enum Member {
    Method(Box<Method>),
    Other(TokenStream),
}

#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) modifiers: Option<Token![default]>,
    pub(crate) sig: Signature,
    /// `None` for a trait's method without default.
    pub(crate) body: Option<Group>,
}

impl Container {
    pub(crate) fn parse(input: ParseStream<'_>, is_trait: bool) -> Result<Self> {
        let mut tokens: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let Some(TokenTree::Group(braces)) = tokens.pop() else {
            return Err(Error::new(Span::call_site(), "expected an impl or trait with a body in braces"));
        };
        let header: TokenStream = tokens.into_iter().collect();
        let (attributes, owner) = if is_trait {
            let bare: ItemTrait = syn::parse2(quote!(#header {}))?;
            (
                bare.attrs,
                Owner {
                    name: bare.ident.to_string(),
                    span: bare.ident.span(),
                    is_unbounded: bare.supertraits.is_empty() && bare.generics.where_clause.is_none(),
                },
            )
        } else {
            let bare: ItemImpl = syn::parse2(quote!(#header {}))?;
            (bare.attrs, Owner { name: name_of(&bare.self_ty), span: bare.self_ty.span(), is_unbounded: false })
        };
        let members = |input: ParseStream<'_>| {
            let mut members = Vec::new();
            for attribute in input.call(Attribute::parse_inner)? {
                members.push(Member::Other(attribute.into_token_stream()));
            }
            while !input.is_empty() {
                members.push(Member::parse(input, is_trait)?);
            }
            Ok(members)
        };
        let members = syn::parse::Parser::parse2(members, braces.stream())?;
        Ok(Self { header, attributes, braces, owner, members })
    }

    /// The trait without its members.
    pub(crate) fn bare_trait(&self) -> Result<ItemTrait> {
        let header = &self.header;
        syn::parse2(quote!(#header {}))
    }

    /// The header as it is, around other members.
    pub(crate) fn with_members(&self, members: TokenStream) -> TokenStream {
        let header = &self.header;
        let braces = regroup(&self.braces, members);
        quote!(#header #braces)
    }
}

impl Member {
    fn parse(input: ParseStream<'_>, in_trait: bool) -> Result<Self> {
        if Method::is_next(input)? {
            return input.parse().map(Box::new).map(Self::Method);
        }
        let other = if in_trait {
            input.parse::<TraitItem>()?.into_token_stream()
        } else {
            input.parse::<ImplItem>()?.into_token_stream()
        };
        Ok(Self::Other(other))
    }
}

impl Method {
    fn is_next(input: ParseStream<'_>) -> Result<bool> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        ahead.parse::<Option<Token![default]>>()?;
        Ok(ahead.parse::<Signature>().is_ok())
    }

    /// The `#[cfg(..)]`s that decide whether there is such a method.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

impl Parse for Method {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let modifiers = input.parse()?;
        let sig = input.parse()?;
        let body = if input.peek(token::Brace) {
            match input.parse()? {
                TokenTree::Group(body) => Some(braces(body)),
                other => return Err(Error::new(other.span(), "expected a method's body in braces")),
            }
        } else {
            input.parse::<Token![;]>()?;
            None
        };
        Ok(Self { attributes, visibility, modifiers, sig, body })
    }
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, modifiers, sig, body } = self;
        let body = body.as_ref().map_or_else(|| quote!(;), ToTokens::to_token_stream);
        tokens.extend(quote!(#(#attributes)* #visibility #modifiers #sig #body));
    }
}

/// Takes off the invisible delimiters that a `macro_rules!` leaves around a `$body:block`.
fn braces(group: Group) -> Group {
    match group.stream().into_iter().next() {
        Some(TokenTree::Group(visible)) if group.delimiter() == Delimiter::None => braces(visible),
        _ => group,
    }
}

/// A group with the same delimiters at the same place, but other contents.
pub(crate) fn regroup(group: &Group, contents: TokenStream) -> Group {
    let mut regrouped = Group::new(group.delimiter(), contents);
    regrouped.set_span(group.span());
    regrouped
}

/// Whether a path ends in `name`, however it begins.
pub(crate) fn is_ours(path: &syn::Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The condition and the attributes of a `#[cfg_attr(condition, attributes..)]`.
pub(crate) fn conditional(attribute: &Attribute) -> Option<(Meta, Vec<Meta>)> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut metas = metas.into_iter();
    Some((metas.next()?, metas.collect()))
}

/// `Session` for `crate::session::Session<T>`.
fn name_of(self_ty: &Type) -> String {
    match self_ty {
        Type::Group(group) => name_of(&group.elem),
        Type::Paren(paren) => name_of(&paren.elem),
        Type::Path(path) => path.path.segments.last().map_or_else(String::new, |segment| segment.ident.to_string()),
        other => other.to_token_stream().to_string(),
    }
}
