//! Sections joined inside one section exclude each other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use conn_share::{LockError, LockableExt};

use crate::line::{Line, Woken, poll_once, start};

type Call<'a> = Pin<Box<dyn Future<Output = Result<(), LockError>> + Send + 'a>>;

/// At every level three siblings, each of which has three of its own; `step` checks that nobody else is inside.
fn fork(line: &Line, depth: usize) -> Call<'_> {
    Box::pin(async move {
        if depth == 0 {
            return line.step(depth).await;
        }
        line.around(async move {
            line.step(depth).await?;
            let (a, b, c) = tokio::join!(fork(line, depth - 1), fork(line, depth - 1), fork(line, depth - 1));
            a.and(b).and(c)
        })
        .await?
    })
}

#[tokio::test]
async fn exclude_each_other_at_every_depth() {
    let line = Line::default();
    fork(&line, 5).await.unwrap();
    assert_eq!(line.names().await.len(), (0..=5).map(|level| 3_usize.pow(level)).sum::<usize>());
    assert_eq!(line.lock.waiters(), 0);
}

#[tokio::test]
async fn a_sibling_waits_for_all_that_its_sibling_calls() {
    let line = Line::default();
    line.exclusive(async {
        let mut first = Box::pin(line.around(async {
            line.wait().await?;
            line.note(1).await
        }));
        assert!(start(first.as_mut()).await.is_pending());
        let mut second = Box::pin(line.note(2));
        assert!(start(second.as_mut()).await.is_pending());
        line.gate.notify_one();
        assert!(start(second.as_mut()).await.is_pending(), "the first is between two calls of its own");
        first.await.unwrap().unwrap();
        second.await.unwrap();
    })
    .await
    .unwrap();
    assert_eq!(line.names().await, [1, 2]);
}

#[tokio::test]
async fn a_sibling_dropped_in_line_passes_its_turn_on() {
    let line = Line::default();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    line.exclusive(async {
        let mut first = Box::pin(line.wait());
        let (mut second, mut third) = (Box::pin(line.note(2)), Box::pin(line.note(3)));
        assert!(start(first.as_mut()).await.is_pending());
        assert!(start(second.as_mut()).await.is_pending());
        assert!(poll_fn(|_| Poll::Ready(third.as_mut().poll(&mut Context::from_waker(&waker)))).await.is_pending());
        line.gate.notify_one();
        assert!(start(first.as_mut()).await.is_ready());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0, "it is the second's turn");
        // The second was woken; nobody will poll it again.
        drop(second);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1, "nobody told the third");
        third.await.unwrap();
    })
    .await
    .unwrap();
    assert_eq!(line.names().await, [3]);
}

#[tokio::test]
async fn a_stranger_waits_until_the_last_sibling_has_ended() {
    let line = Line::default();
    let (mut first, mut second) = (Box::pin(line.step(1)), Box::pin(line.step(2)));
    let mut section = Box::pin(line.exclusive(async { tokio::join!(first.as_mut(), second.as_mut()) }));
    let mut stranger = Box::pin(line.note(3));
    loop {
        let done = poll_once(section.as_mut()).is_ready();
        if done {
            break;
        }
        assert!(poll_once(stranger.as_mut()).is_pending());
    }
    stranger.await.unwrap();
    drop(section);
    assert_eq!(line.names().await, [1, 2, 3]);
}
