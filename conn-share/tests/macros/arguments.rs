//! What stands between the parentheses and in the body: patterns, `mut`, early returns, `?`, loops with labels.
#![allow(clippy::needless_return, reason = "a `return` is what is tried")]

use std::cell::Cell;
use std::fmt::Display;
use std::io;

use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
}

struct Command {
    text: String,
    times: usize,
}

#[locked]
impl Session {
    async fn patterns(&self, (a, b): (u8, u8), [first, ..]: [u8; 3], Command { text, times: n }: Command) -> String {
        text.repeat(n) + &format!("{a}{b}{first}")
    }

    async fn changeable(&self, mut text: String, mut n: usize) -> String {
        while n > 0 {
            tokio::task::yield_now().await;
            text.push('.');
            n -= 1;
        }
        text
    }

    async fn changed_in_place(&self, text: &mut String, &n: &usize) -> usize {
        text.push('!');
        tokio::task::yield_now().await;
        text.len() + n
    }

    async fn by_reference<'t>(&self, one: &'t str, other: &str) -> &'t str {
        let _ = other;
        one
    }

    async fn early(&self, n: Option<usize>) -> io::Result<usize> {
        let Some(n) = n else { return Err(io::ErrorKind::NotFound.into()) };
        if n == 0 {
            return Ok(usize::MAX);
        }
        let parsed: usize = "7".parse().map_err(io::Error::other)?;
        Ok(parsed + n)
    }

    async fn question_mark_converts(&self, text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
        Ok(text.parse::<u8>()?)
    }

    async fn coerces(&self) -> Result<Box<dyn Display + Send>, io::Error> {
        Ok(Box::new(5))
    }

    async fn labels(&self, rows: Vec<Vec<u8>>) -> Option<(usize, usize)> {
        let found = 'rows: {
            'outer: for (y, row) in rows.iter().enumerate() {
                for (x, cell) in row.iter().enumerate() {
                    match cell {
                        0 => continue 'outer,
                        9 => break 'rows Some((y, x)),
                        _ => tokio::task::yield_now().await,
                    }
                }
            }
            None
        };
        let (y, x) = found?;
        Some((y, x))
    }

    async fn closures(&self, names: &[&str]) -> Vec<usize> {
        names.iter().map(|name| return name.len()).collect()
    }

    async fn block_in_block(&self, n: u8) -> u8 {
        let later = async move { if n > 3 { return 1 } else { 2 } };
        later.await + 10
    }

    async fn items_inside(&self) -> usize {
        const LENGTH: usize = 3;
        fn double(n: usize) -> usize {
            n * 2
        }
        double(LENGTH)
    }

    async fn never_comes_back(&self, stop: bool) -> ! {
        assert!(!stop, "stopped");
        std::future::pending().await
    }

    async fn opaque_argument(&self, text: impl AsRef<str> + Send) -> usize {
        text.as_ref().len()
    }

    async fn opaque_return(&self) -> impl Display + use<> {
        5
    }

    async fn opaque_in_result(&self, n: usize) -> io::Result<impl Iterator<Item = usize> + use<>> {
        if n == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(0..n)
    }

    /// `Cell` may move to another thread but not be shared: the future must own it, not borrow it.
    async fn send_but_not_sync(&self, cell: Cell<u8>) -> u8 {
        cell.set(cell.get() + 1);
        tokio::task::yield_now().await;
        cell.get()
    }

    async fn argument_of_no_use(&self, _: &str, _unused: String) {}
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn arguments_and_bodies() {
    let s = Session::default();
    let command = Command { text: "ab".to_owned(), times: 2 };
    assert_eq!(s.patterns((1, 2), [3, 4, 5], command).await, "abab123");
    assert_eq!(s.changeable("x".to_owned(), 2).await, "x..");
    let mut text = "x".to_owned();
    assert_eq!(s.changed_in_place(&mut text, &5).await, 7);
    assert_eq!(text, "x!");
    assert_eq!(s.by_reference("one", &String::from("other")).await, "one");
    assert_eq!(s.early(None).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(s.early(Some(0)).await.unwrap(), usize::MAX);
    assert_eq!(s.early(Some(1)).await.unwrap(), 8);
    assert_eq!(s.question_mark_converts("7").await.unwrap(), 7);
    assert!(s.question_mark_converts("x").await.is_err());
    assert_eq!(s.coerces().await.unwrap().to_string(), "5");
    assert_eq!(s.labels(vec![vec![0, 9], vec![1, 9]]).await, Some((1, 1)));
    assert_eq!(s.labels(vec![vec![0, 9]]).await, None);
    assert_eq!(s.closures(&["a", "bc"]).await, [1, 2]);
    assert_eq!(s.block_in_block(5).await, 11);
    assert_eq!(s.items_inside().await, 6);
    assert_eq!(s.opaque_argument("text").await, 4);
    assert_eq!(s.opaque_return().await.to_string(), "5");
    assert_eq!(s.opaque_in_result(3).await.unwrap().sum::<usize>(), 3);
    assert!(s.opaque_in_result(0).await.is_err());
    assert_eq!(is_send(s.send_but_not_sync(Cell::new(1))).await, 2);
    s.argument_of_no_use("", String::new()).await;
}

#[tokio::test]
#[should_panic(expected = "stopped")]
async fn never_comes_back() {
    Session::default().never_comes_back(true).await
}

#[test]
fn futures_are_send() {
    let s = Session::default();
    drop(is_send(s.changeable(String::new(), 1)));
    drop(is_send(s.early(None)));
    drop(is_send(s.question_mark_converts("")));
    drop(is_send(s.opaque_argument("")));
    drop(is_send(s.never_comes_back(false)));
}

/// The futures as parts of others: the compiler has to see that these are `Send` whatever the lifetimes are.
#[tokio::test]
async fn futures_are_send_inside_of_others() {
    async fn one_after_the_other(s: &Session, texts: &[String]) -> usize {
        let mut length = 0;
        for text in texts {
            length += s.by_reference(text, "other").await.len();
            length += s.opaque_argument(text).await;
        }
        length
    }

    async fn side_by_side(s: &Session, texts: &[String]) -> usize {
        let calls = texts.iter().map(|text| s.by_reference(text, "other"));
        futures::future::join_all(calls).await.into_iter().map(str::len).sum()
    }

    async fn through_a_closure<'s, F: Future<Output = usize>>(
        s: &'s Session,
        call: impl Fn(&'s Session) -> F,
    ) -> usize {
        call(s).await + call(s).await
    }

    let s = std::sync::Arc::new(Session::default());
    let task = tokio::spawn(is_send(async move {
        let texts = ["a".to_owned(), "bc".to_owned()];
        let closure = through_a_closure(&s, |s| s.opaque_argument("abc")).await;
        let boxed: std::pin::Pin<Box<dyn Future<Output = usize> + Send>> = Box::pin({
            let s = s.clone();
            async move { s.items_inside().await }
        });
        one_after_the_other(&s, &texts).await + side_by_side(&s, &texts).await + closure + boxed.await
    }));
    assert_eq!(task.await.unwrap(), 6 + 3 + 6 + 6);
}
