//! What the tests under shuttle share.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Lets others go first, once.
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

/// Polls with nobody to wake.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// So many of each kind; `CONN_SHARE_SCHEDULES` for more.
fn schedules(default: usize) -> usize {
    std::env::var("CONN_SHARE_SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

/// Random orders, and orders with few but well placed switches.
pub(crate) fn explore(default: usize, case: impl Fn() + Send + Sync + 'static) {
    let case = Arc::new(case);
    let again = Arc::clone(&case);
    shuttle::check_random(move || case(), schedules(default));
    shuttle::check_pct(move || again(), schedules(default), 3);
}
