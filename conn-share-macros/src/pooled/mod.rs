//! `#[pooled]`: a pool of what implements a trait implements it too.

mod check;
mod expand;
mod options;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Result, Token, Visibility};

use self::options::Options;
use crate::beside;
use crate::item::{Container, Member, is_ours};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let written = match parse_trait.parse2(item.clone()) {
        Ok(written) => written,
        Err(error) => return beside(item, &error),
    };
    let plain = without_our_attributes(&written);
    match syn::parse2::<Options>(options).and_then(|options| expand::implementation(&written, &options)) {
        Ok(implementation) => quote!(#plain #implementation),
        Err(error) => beside(plain, &error),
    }
}

fn parse_trait(input: ParseStream<'_>) -> Result<Container> {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    if let Some(unsafety) = ahead.parse::<Option<Token![unsafe]>>()? {
        return Err(Error::new(
            unsafety.span,
            "`#[pooled]` cannot promise what an `unsafe trait` asks for: write the impl",
        ));
    }
    if !ahead.peek(Token![trait]) {
        return Err(Error::new(ahead.span(), "`#[pooled]` goes on a trait, and implements it for `AsyncPool`"));
    }
    Container::parse(input, true)
}

fn without_our_attributes(written: &Container) -> TokenStream {
    let members = written.members.iter().map(|member| match member {
        Member::Other(tokens) => tokens.clone(),
        Member::Method(method) => {
            let mut method = method.clone();
            method.attributes.retain(|attribute| !is_ours(attribute.path(), "pooled"));
            method.into_token_stream()
        }
    });
    written.with_members(members.collect())
}
