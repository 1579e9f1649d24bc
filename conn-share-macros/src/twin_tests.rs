//! The twin beside the tests shows what the macros make of an impl. This holds it to the truth.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, File, Item, ItemMod};

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().split_whitespace().collect()
}

/// The items of one of the two modules.
fn module(file: &File, name: &str) -> Vec<Item> {
    let found = file.items.iter().find_map(|item| match item {
        Item::Mod(ItemMod { ident, content: Some((_, items)), .. }) if ident == name => Some(items.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no module `{name}`"))
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

/// What the macros on an item make of it.
fn expand(item: &Item) -> TokenStream {
    match item {
        Item::Struct(item) if item.attrs.iter().any(|attribute| is(attribute, "derive")) => {
            let derived = crate::lockable::expand(item.to_token_stream());
            let mut item = item.clone();
            item.attrs.clear();
            quote::quote!(#item #derived)
        }
        Item::Impl(item) if item.attrs.iter().any(|attribute| is(attribute, "locked")) => {
            let mut item = item.clone();
            item.attrs.retain(|attribute| !is(attribute, "locked"));
            crate::locked::expand(TokenStream::new(), item.into_token_stream())
        }
        item => item.to_token_stream(),
    }
}

#[test]
fn the_twin_is_what_comes_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conn-share/tests/macros/twin.rs");
    let Ok(source) = std::fs::read_to_string(&path) else { panic!("no file at {}", path.display()) };
    let Ok(file) = syn::parse_file(&source) else { panic!("{} is no Rust", path.display()) };
    let is_import = |item: &Item| matches!(item, Item::Use(_));
    let expanded: TokenStream = module(&file, "written").iter().filter(|item| !is_import(item)).map(expand).collect();
    let shown: TokenStream =
        module(&file, "expanded").iter().filter(|item| !is_import(item)).map(ToTokens::to_token_stream).collect();
    // What is formatted has commas at the ends of lines.
    let without_last_commas =
        |tokens: &TokenStream| text(tokens).replace(",)", ")").replace(",}", "}").replace(",>", ">");
    assert_eq!(without_last_commas(&expanded), without_last_commas(&shown), "for the twin:\n{expanded}");
}
