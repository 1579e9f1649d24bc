//! Starting a pool and closing it: calls that carry jobs on until all are done.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::books::{Books, Calls, holder};
use super::error::{Holder, PoolError};
use super::keeper;
use super::options::StartPolicy;
use super::shared::Shared;
use super::sync::{Instant, timeout, timeout_at};

/// What [`AsyncPool::close`](crate::AsyncPool::close) had to cut, or saw cut by another `close` at the same time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Loans that had not come back by the deadline: the pool has forgotten their workers, which are dropped when
    /// their guards are.
    pub cut: Vec<Holder>,
    /// Workers that were dropped without a goodbye: those that had not been disconnected by then, or were cut in a reset,
    /// and those whose goodbye ran into its own limit or panicked.
    pub dropped: usize,
}

impl Drained {
    /// Everything came back and said goodbye.
    pub fn is_clean(&self) -> bool {
        self.cut.is_empty() && self.dropped == 0
    }
}

/// Connects all workers side by side.
pub(super) async fn start<C: Send + 'static>(shared: &Arc<Shared<C>>) -> Result<(), PoolError> {
    let options = &shared.options;
    let attendance = Attendance::new(shared);
    let over = |books: &Books<C>| {
        // What is still under way may work.
        let over = books.health.is_down(&options.backoff) && books.slots.tally().producing() == 0;
        over || books.slots.tally().idle == options.size
    };
    if options.policy == StartPolicy::Degraded {
        let tried = |books: &Books<C>| {
            let attempts = books.counters.connected + books.counters.connect_failures;
            books.slots.tally().idle > 0 && attempts >= options.size as u64
        };
        let patience =
            timeout(options.connect_timeout, attendance.until(|books| (over(books) || tried(books)).then_some(())));
        if patience.await.is_err() {
            attendance.until(|books| (over(books) || books.slots.tally().idle > 0).then_some(())).await;
        }
    } else {
        attendance.until(|books| over(books).then_some(())).await;
    }
    if options.policy == StartPolicy::Degraded || shared.books().slots.tally().idle == options.size {
        shared.books().health.remember(1);
        // Before the attendance ends, which carries on what is under way.
        keeper::spawn(shared);
        return Ok(());
    }
    let failure = shared.books().health.failure_in_full();
    drain(shared, options.close_timeout).await;
    Err(PoolError::Connect(failure))
}

/// Refuses new requests, waits for loans, disconnects.
pub(super) async fn drain<C: Send + 'static>(shared: &Arc<Shared<C>>, limit: Duration) -> Drained {
    let deadline = Instant::now().checked_add(limit);
    let attendance = Attendance::new(shared);
    shut(shared);
    let (cut_before, dropped_before) = {
        let books = shared.books();
        (books.cut.len(), books.dropped)
    };
    let gone = attendance.until(|books| (books.slots.tally().connections() == 0).then_some(()));
    let in_time = match deadline {
        Some(deadline) => timeout_at(deadline, gone).await.is_ok(),
        None => {
            gone.await;
            true
        }
    };
    if !in_time {
        cut(shared);
    }
    let books = shared.books();
    let drained = Drained { cut: books.cut[cut_before..].to_vec(), dropped: books.dropped - dropped_before };
    drop(books);
    if !drained.is_clean() {
        tracing::warn!(cut = drained.cut.len(), dropped = drained.dropped, "a pool was closed with workers out");
    }
    drained
}

/// From here on every request is refused, and every worker is to be disconnected.
fn shut<C: Send + 'static>(shared: &Shared<C>) {
    let mut calls = Calls::default();
    let mut cut = Vec::new();
    let mut books = shared.books();
    books.closed = true;
    books.slots.resize(0, false);
    // What was handed to those who wait, and was not collected, is no loan that one would have to wait for.
    for (at, worker) in books.line.recall() {
        cut.extend(books.slots.take_back(at, worker, None).err());
    }
    calls.extend(books.line.everybody());
    calls.extend(books.watchers());
    books.gate.close();
    drop(books);
    calls.make();
    // Nobody wants what they open. One that is open by now says goodbye. Last, since what they drop is foreign and may
    // panic.
    shared.jobs.abort_connects();
    drop(cut);
    tracing::debug!("a pool closes");
}

/// Forgets the loans that are still out, and drops the workers that did not say goodbye.
fn cut<C: Send + 'static>(shared: &Shared<C>) {
    shared.jobs.abort(None);
    let now = Instant::now();
    let mut calls = Calls::default();
    let mut books = shared.books();
    let (loans, rest) = books.slots.abandon();
    books.dropped += rest.iter().filter(|slot| slot.has_worker()).count();
    books.cut.extend(loans.iter().map(|loan| holder(loan, now)));
    // Another who closes the pool waits for nothing any more.
    calls.extend(books.watchers());
    drop(books);
    calls.make();
    drop(rest);
}

/// A call that carries jobs on.
struct Attendance<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    number: u64,
}

impl<'a, C: Send + 'static> Attendance<'a, C> {
    fn new(shared: &'a Arc<Shared<C>>) -> Self {
        let mut books = shared.books();
        books.next_attendant += 1;
        let number = books.next_attendant;
        books.attendants.push((number, None));
        Self { shared, number }
    }

    /// Carries jobs on until `done` says so.
    async fn until<T>(&self, mut done: impl FnMut(&Books<C>) -> Option<T>) -> T {
        std::future::poll_fn(|cx: &mut Context<'_>| {
            self.register(cx);
            self.shared.drive();
            match done(&self.shared.books()) {
                Some(result) => Poll::Ready(result),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn register(&self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        let mut books = self.shared.books();
        let place = books.attendants.iter_mut().find(|(number, _)| *number == self.number);
        let former = place.and_then(|(_, known)| known.replace(waker));
        drop(books);
        drop(former);
    }
}

impl<C: Send + 'static> Drop for Attendance<'_, C> {
    fn drop(&mut self) {
        let mut books = self.shared.books();
        let at = books.attendants.iter().position(|(number, _)| *number == self.number);
        let former = at.map(|at| books.attendants.swap_remove(at));
        drop(books);
        drop(former);
        self.shared.driver_left();
    }
}
