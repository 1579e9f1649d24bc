//! What `#[locked]` stands on: an impl, a trait, or one method.
//!
//! Only what the macro needs is parsed. Bodies stay tokens, so that one that is half typed goes through unharmed, and
//! the header of an impl is given back token by token.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, ImplItem, ItemImpl, ItemTrait, Meta, Result, Signature, Token, TraitItem, Type, Visibility,
    parse_quote, token,
};

use super::options::Options;

pub(super) enum Item {
    Container(Container),
    Method(Box<Method>),
}

/// An impl or a trait.
pub(super) struct Container {
    header: TokenStream,
    braces: Group,
    pub(super) owner: Owner,
    pub(super) members: Vec<Member>,
}

/// Whose methods they are: the type of an impl, the name of a trait.
pub(super) struct Owner {
    /// As in `TelnetConnection::execute`.
    pub(super) name: String,
    /// Where a complaint about the type belongs.
    pub(super) span: Span,
    /// A trait that asks nothing of its implementors: their lock, for one, is out of reach.
    pub(super) is_unbounded: bool,
}

pub(super) enum Member {
    Method(Box<Method>),
    Other(TokenStream),
}

#[derive(Clone)]
pub(super) struct Method {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) modifiers: Option<Token![default]>,
    pub(super) sig: Signature,
    /// `None` for a trait's method without default.
    pub(super) body: Option<Group>,
}

/// What a method of a locked impl says about itself.
pub(super) enum Choice {
    Inherited,
    Own(Options),
    Unlocked,
}

impl Item {
    pub(super) fn without_our_attributes(&self, options: &Options) -> TokenStream {
        match self {
            Self::Method(method) => method.without_our_attributes().into_token_stream(),
            Self::Container(container) => {
                let members = container.members.iter().map(|member| match member {
                    Member::Method(method) => method.without_our_attributes().into_token_stream(),
                    Member::Other(tokens) => tokens.clone(),
                });
                container.with_members(members.collect(), options)
            }
        }
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        ahead.parse::<Option<Token![default]>>()?;
        if ahead.fork().parse::<Signature>().is_ok() {
            return input.parse().map(Box::new).map(Self::Method);
        }
        ahead.parse::<Option<Token![unsafe]>>()?;
        ahead.parse::<Option<Token![auto]>>()?;
        if ahead.peek(Token![impl]) || ahead.peek(Token![trait]) {
            let is_trait = ahead.peek(Token![trait]);
            return Container::parse(input, is_trait).map(Self::Container);
        }
        Err(Error::new(
            ahead.span(),
            "`#[locked]` goes on an impl, on a trait, or on one async method that takes `&self`",
        ))
    }
}

impl Container {
    fn parse(input: ParseStream<'_>, is_trait: bool) -> Result<Self> {
        let mut tokens: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let Some(TokenTree::Group(braces)) = tokens.pop() else {
            return Err(Error::new(Span::call_site(), "`#[locked]` goes on an impl or trait with a body in braces"));
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
        if let Some(twice) = attributes.iter().find(|attribute| is_ours(attribute.path(), "locked")) {
            return Err(Error::new_spanned(twice, "`#[locked]` stands here twice: keep one, with all options"));
        }
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
        Ok(Self { header, braces, owner, members })
    }

    pub(super) fn with_members(&self, members: TokenStream, options: &Options) -> TokenStream {
        let header = &self.header;
        let braces = regroup(&self.braces, members);
        // `#[unlocked]` stays on its methods for the sake of those who import it. For the others it has to be in scope;
        // what a glob brings gives way to what they have.
        let unlocked =
            self.members.iter().any(|member| matches!(member, Member::Method(method) if method.is_unlocked()));
        let unlocked = unlocked.then(|| {
            let private = options.private(Span::call_site());
            quote!(#[allow(unused_imports)] use #private::attributes::*;)
        });
        quote!(#unlocked #header #braces)
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

    /// Without the attributes that are for us: `#[locked(..)]` goes, `#[unlocked]` is marked as done.
    pub(super) fn without_our_attributes(&self) -> Self {
        let attributes = self.attributes.iter().filter_map(settled).collect();
        Self { attributes, ..self.clone() }
    }

    /// Whether it wears `#[unlocked]`, under whatever condition.
    fn is_unlocked(&self) -> bool {
        fn wears(attribute: &Attribute) -> bool {
            match conditional(attribute) {
                Some((_, metas)) => metas.into_iter().any(|meta| wears(&parse_quote!(#[#meta]))),
                None => is_ours(attribute.path(), "unlocked"),
            }
        }
        self.attributes.iter().any(wears)
    }

    /// The `#[cfg(..)]`s that decide whether there is such a method.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }

    /// The method without our attributes, and what they said. There are two where one of them hides in a `cfg_attr`:
    ///
    /// ```text
    /// #[cfg_attr(windows, unlocked)] async fn peek(&self) { .. }
    /// // becomes
    /// #[cfg(windows)]      #[unlocked] async fn peek(&self) { .. }
    /// #[cfg(not(windows))]             async fn peek(&self) { .. }
    /// ```
    pub(super) fn variants(&self) -> Result<Vec<(Self, Choice)>> {
        for (position, attribute) in self.attributes.iter().enumerate() {
            let Some((condition, metas)) = conditional(attribute) else { continue };
            if !metas.iter().any(is_for_us) {
                continue;
            }
            let metas = metas.iter();
            let on: Vec<Attribute> = parse_attributes(quote!(#[cfg(#condition)] #(#[#metas])*))?;
            let off: Vec<Attribute> = parse_attributes(quote!(#[cfg(not(#condition))]))?;
            let mut variants = Vec::new();
            for replacement in [on, off] {
                let mut variant = self.clone();
                variant.attributes.splice(position..=position, replacement);
                variants.extend(variant.variants()?);
            }
            return Ok(variants);
        }
        let mut choice = Choice::Inherited;
        for attribute in &self.attributes {
            let found = if is_ours(attribute.path(), "unlocked") {
                attribute
                    .meta
                    .require_path_only()
                    .map_err(|_| Error::new_spanned(&attribute.meta, "`#[unlocked]` has no options"))?;
                Choice::Unlocked
            } else if is_ours(attribute.path(), "locked") {
                Choice::Own(match &attribute.meta {
                    Meta::Path(_) => Options::default(),
                    meta => meta.require_list()?.parse_args()?,
                })
            } else {
                continue;
            };
            if !matches!(choice, Choice::Inherited) {
                return Err(Error::new_spanned(
                    attribute,
                    "`#[locked]` or `#[unlocked]`: a method wears one of them, once",
                ));
            }
            choice = found;
        }
        Ok(vec![(self.without_our_attributes(), choice)])
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
pub(super) fn regroup(group: &Group, contents: TokenStream) -> Group {
    let mut regrouped = Group::new(group.delimiter(), contents);
    regrouped.set_span(group.span());
    regrouped
}

fn is_ours(path: &syn::Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The condition and the attributes of a `#[cfg_attr(condition, attributes..)]`.
fn conditional(attribute: &Attribute) -> Option<(Meta, Vec<Meta>)> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut metas = metas.into_iter();
    Some((metas.next()?, metas.collect()))
}

/// What is left of an attribute once it has been heeded.
///
/// `#[unlocked]` stays, marked, so that the compiler sees that its import is used.
fn settled(attribute: &Attribute) -> Option<Attribute> {
    if let Some((condition, metas)) = conditional(attribute) {
        if !metas.iter().any(is_for_us) {
            return Some(attribute.clone());
        }
        let metas = metas.into_iter().filter_map(|meta| settled(&parse_quote!(#[#meta]))).map(|settled| settled.meta);
        return Some(parse_quote!(#[cfg_attr(#condition, #(#metas),*)]));
    }
    if is_ours(attribute.path(), "unlocked") {
        let path = attribute.path();
        return Some(parse_quote!(#[#path(inside_locked)]));
    }
    (!is_ours(attribute.path(), "locked")).then(|| attribute.clone())
}

fn is_for_us(meta: &Meta) -> bool {
    is_ours(meta.path(), "locked") || is_ours(meta.path(), "unlocked") || meta.path().is_ident("cfg_attr")
}

fn parse_attributes(tokens: TokenStream) -> Result<Vec<Attribute>> {
    syn::parse::Parser::parse2(Attribute::parse_outer, tokens)
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
