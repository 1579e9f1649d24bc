//! The connection that the tests lock, and what they poll it with.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use conn_share::{ConnLock, LockError, Lockable, locked};
use tokio::sync::Notify;

/// Notes who was in, and that nobody else was meanwhile.
#[derive(Lockable, Default)]
#[lockable(accept_interrupted)]
pub(crate) struct Line {
    pub(crate) lock: ConnLock<Vec<usize>>,
    pub(crate) inside: AtomicUsize,
    pub(crate) gate: Notify,
}

#[locked]
impl Line {
    /// Inside for as long as it takes to be polled twice.
    pub(crate) async fn step(&self, name: usize) -> Result<(), LockError> {
        let _inside = Inside::enter(&self.inside);
        self.lock.state().push(name);
        turn().await;
        Ok(())
    }

    /// Inside for one poll.
    pub(crate) async fn note(&self, name: usize) -> Result<(), LockError> {
        let _inside = Inside::enter(&self.inside);
        self.lock.state().push(name);
        Ok(())
    }

    /// Who was in, in order.
    pub(crate) async fn names(&self) -> Vec<usize> {
        self.lock.state().clone()
    }

    /// Inside until the gate opens.
    pub(crate) async fn wait(&self) -> Result<(), LockError> {
        self.gate.notified().await;
        Ok(())
    }

    /// The section around another future.
    pub(crate) async fn around<F: Future>(&self, future: F) -> Result<F::Output, LockError> {
        Ok(future.await)
    }
}

/// Proof that nobody else is inside.
pub(crate) struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    pub(crate) fn enter(count: &'a AtomicUsize) -> Self {
        assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0, "two are inside at once");
        Self(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Woken(pub(crate) AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Pending once; works in any executor.
pub(crate) async fn turn() {
    let mut pending = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut pending) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One poll, in the task and the sections that call it.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The same, as a future: what it polls is part of the section that awaits it.
pub(crate) async fn start<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
