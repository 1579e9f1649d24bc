//! What the compiler does not check of an expansion: what is kept as it was written.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{ImplItem, ItemImpl, parse2};

use super::expand;

/// Without the white space, which depends on how tokens were made.
fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().split_whitespace().collect()
}

fn contains(tokens: &TokenStream, part: &TokenStream) -> bool {
    text(tokens).contains(&text(part))
}

fn errors(tokens: &TokenStream) -> usize {
    text(tokens).matches("compile_error").count()
}

/// The method keeps attributes, visibility and signature, and gets another body.
#[track_caller]
fn check_signature(signature: &TokenStream) {
    let written = quote!(impl<T> Session<T> { #signature { 1 } });
    let Ok(expanded) = parse2::<ItemImpl>(expand(TokenStream::new(), written)) else {
        panic!("no impl came out of {signature}");
    };
    let [ImplItem::Fn(method)] = &expanded.items[..] else { panic!("not one method came out of {signature}") };
    let mut kept = method.clone();
    kept.block = syn::parse_quote!({});
    assert_eq!(text(&kept), text(&quote!(#signature {})));
    assert!(contains(&method.block.to_token_stream(), &quote!(::conn_share::__private::locked)), "{signature}");
}

#[test]
fn visible_signatures_are_kept() {
    check_signature(&quote!(async fn plain(&self)));
    check_signature(&quote! {
        #[doc = " Sends."]
        #[must_use = "why"]
        pub(crate) async fn attributes(&self, text: &str) -> io::Result<String>
    });
    check_signature(&quote!(pub async fn patterns(&self, (a, b): (u8, u8), mut n: usize) -> usize));
    check_signature(&quote! {
        async fn generic<'a, K: Clone, const N: usize>(&'a self, map: &'a [K; N], f: impl Fn(K)) -> impl Iterator<Item = K> + use<'a, K, N, T>
        where
            K: Send + 'a,
            T: Sync
    });
    check_signature(&quote!(pub async unsafe fn dangerous(self: Arc<Self>) -> [u8; { 1 + 1 }]));
    check_signature(&quote!(default async fn specialised(self: &Arc<Self>) -> !));
}

#[test]
fn futures_that_are_returned_keep_their_type() {
    let signature = quote!(fn boxed(&self) -> Pin<Box<dyn Future<Output = u8> + Send + '_>>);
    let expanded = expand(TokenStream::new(), quote!(impl Session { #signature { Box::pin(async move { 1 }) } }));
    let Ok(expanded) = parse2::<ItemImpl>(expanded) else { panic!("no impl came out of {signature}") };
    let [ImplItem::Fn(method)] = &expanded.items[..] else { panic!("not one method came out of {signature}") };
    assert_eq!(text(&method.sig), text(&signature));
    let body = method.block.to_token_stream();
    assert!(contains(&body, &quote!(Box::pin)), "{body}");
    assert!(contains(&body, &quote!(__private::locked)), "{body}");
}

#[test]
fn what_is_not_locked_comes_out_as_it_went_in() {
    let written = quote! {
        /// Documented.
        #[cfg(unix)]
        impl<T> Session<T> where T: Send {
            const N: usize = 1;
            type Reply = u8;
            some_macro!();
            fn plain(&self) -> u8 { 1 }
            async fn connect(host: &str) -> Self { todo() }
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> { Poll::Pending }
        }
    };
    assert_eq!(text(&expand(TokenStream::new(), written.clone())), text(&written));
}

#[test]
fn methods_without_body_are_left_alone() {
    let written = quote!(
        pub trait Sends: Lockable {
            async fn send(&self) -> u8;
        }
    );
    assert_eq!(text(&expand(TokenStream::new(), written.clone())), text(&written));
}

/// An editor completes from the expansion, so it needs what has been typed so far, where it is.
#[test]
fn half_typed_bodies_go_through() {
    for body in
        [quote!(self.), quote!(let x = ), quote!(match self { Some(x) => }), quote!(self.lock.state().), quote!(if)]
    {
        let written = quote!(impl Session { async fn send(&self) { #body } async fn next(&self) -> u8 { 1 } });
        let expanded = expand(TokenStream::new(), written);
        assert_eq!(errors(&expanded), 0, "{expanded}");
        assert!(contains(&expanded, &quote!({ #body })), "{expanded}");
        assert_eq!(text(&expanded).matches("__private::locked(").count(), 2, "{expanded}");
        let returned = quote!(impl Session { fn send(&self) -> impl Future<Output = u8> { async move { #body } } });
        let expanded = expand(TokenStream::new(), returned);
        assert_eq!(errors(&expanded), 0, "{expanded}");
        assert!(contains(&expanded, &quote!({ #body })), "{expanded}");
    }
}

#[test]
fn what_cannot_be_parsed_comes_out_with_one_message() {
    for written in [quote!(impl Session { async fn send(&self, text:) {} }), quote!(impl Session { async fn })] {
        let expanded = expand(TokenStream::new(), written.clone());
        assert!(contains(&expanded, &written), "{expanded}");
        assert_eq!(errors(&expanded), 1, "{expanded}");
    }
}

#[test]
fn a_mistake_is_one_message_and_leaves_the_methods() {
    let expanded = expand(
        quote!(timeout = "5s"),
        quote! {
            impl Session {
                async fn one(&mut self) { first() }
                #[locked(timeout = "x")]
                async fn other(self) { second() }
                #[unlocked]
                async fn third(&self) {}
            }
        },
    );
    assert_eq!(errors(&expanded), 1, "{expanded}");
    let kept = quote! {
        impl Session {
            async fn one(&mut self) { first() }
            async fn other(self) { second() }
            #[unlocked(inside_locked)]
            async fn third(&self) {}
        }
    };
    assert!(contains(&expanded, &kept), "{expanded}");
}

#[test]
fn a_method_is_locked_once() {
    let expanded = expand(quote!(timeout = "5s"), quote!(impl Session { #[locked] async fn send(&self) {} }));
    assert_eq!(text(&expanded).matches("__private::locked(").count(), 1, "{expanded}");
    assert!(!contains(&expanded, &quote!(timeout)), "its own options take the place of the impl's: {expanded}");
}
