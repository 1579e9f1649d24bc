//! What `#[locked]` stands on, an impl, a trait or one method, and what the methods say about themselves.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Meta, Result, Signature, Token, Visibility, parse_quote};

use super::options::Options;
use crate::item::{Container, Member, Method, conditional, is_ours};

pub(super) enum Item {
    Container(Container),
    Method(Box<Method>),
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
                assemble(container, members.collect(), options)
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
            let container = Container::parse(input, is_trait)?;
            return match container.attributes.iter().find(|attribute| is_ours(attribute.path(), "locked")) {
                None => Ok(Self::Container(container)),
                Some(twice) => {
                    Err(Error::new_spanned(twice, "`#[locked]` stands here twice: keep one, with all options"))
                }
            };
        }
        Err(Error::new(
            ahead.span(),
            "`#[locked]` goes on an impl, on a trait, or on one async method that takes `&self`",
        ))
    }
}

/// The impl or trait with other members.
pub(super) fn assemble(container: &Container, members: TokenStream, options: &Options) -> TokenStream {
    let written = container.with_members(members);
    // `#[unlocked]` stays on its methods for the sake of those who import it. For the others it has to be in scope; what
    // a glob brings gives way to what they have.
    let unlocked =
        container.members.iter().any(|member| matches!(member, Member::Method(method) if method.is_unlocked()));
    let unlocked = unlocked.then(|| {
        let private = options.private(Span::call_site());
        quote!(#[allow(unused_imports)] use #private::attributes::*;)
    });
    quote!(#unlocked #written)
}

impl Method {
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
