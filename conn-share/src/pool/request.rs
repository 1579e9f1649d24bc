//! One request for a worker, from its arrival to the guard.

use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task;

use super::books::Books;
use super::error::{PoolError, PoolPhase, PoolTimeout, TimeoutDetail};
use super::guard::WorkerGuard;
use super::shared::{Shared, wake};
use super::slots::{Remedy, Worker};
use super::sync::{AcquireError, Instant, MutexGuard, SemaphorePermit, Sleep, current_runtime, sleep_until};

type Permit<'a> = Result<SemaphorePermit<'a>, AcquireError>;

/// Takes a worker, waiting at most `limit`.
pub(super) async fn take<C: Send + 'static>(
    shared: &Arc<Shared<C>>,
    limit: Option<Duration>,
    place: &'static Location<'static>,
    purpose: Option<Arc<str>>,
) -> Result<WorkerGuard<C>, PoolError> {
    let mut acquire = pin!(shared.gate.acquire());
    let mut request = Request::new(shared, limit, place, purpose);
    std::future::poll_fn(|cx| request.poll(acquire.as_mut(), cx)).await
}

/// Takes a worker that is ready now, and nobody's turn.
pub(super) fn try_take<C: Send + 'static>(
    shared: &Arc<Shared<C>>,
    place: &'static Location<'static>,
) -> Result<WorkerGuard<C>, PoolError> {
    let mut request = Request::new(shared, None, place, None);
    loop {
        let mut books = shared.books();
        if books.closed {
            return Err(PoolError::Closed);
        }
        let free = books.slots.tally().idle > books.line.len();
        if !request.has_permit && free {
            request.try_permit();
        }
        if !request.has_permit || !free {
            // Next time there may be one.
            books.slots.heal_all();
            drop(books);
            shared.call_keeper();
            return Err(PoolError::NoneFree);
        }
        if let Some(guard) = request.lend(books) {
            return Ok(guard);
        }
    }
}

/// A request, and what it has so far; dropped, it leaves the line and gives its permit back.
struct Request<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    place: &'static Location<'static>,
    purpose: Option<Arc<str>>,
    task: Option<task::Id>,
    started: Instant,
    /// The clock as it was last read.
    now: Instant,
    limit: Option<Duration>,
    /// From `limit`, once it waits.
    deadline: Option<Instant>,
    /// 0: none yet.
    ticket: u64,
    in_line: bool,
    has_permit: bool,
    /// For a request that waits in another runtime than the one that turns the shared timer.
    own_timer: Option<Pin<Box<Sleep>>>,
}

impl<'a, C: Send + 'static> Request<'a, C> {
    fn new(
        shared: &'a Arc<Shared<C>>,
        limit: Option<Duration>,
        place: &'static Location<'static>,
        purpose: Option<Arc<str>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            place,
            purpose,
            task: task::try_id(),
            started: now,
            now,
            limit,
            deadline: None,
            ticket: 0,
            in_line: false,
            has_permit: false,
            own_timer: None,
        }
    }

    fn poll(
        &mut self,
        mut acquire: Pin<&mut impl Future<Output = Permit<'a>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WorkerGuard<C>, PoolError>> {
        if self.ticket == 0 {
            if let Some(result) = self.arrive(acquire.as_mut(), cx) {
                return result;
            }
        } else {
            self.now = Instant::now();
            if !self.has_permit {
                match acquire.poll(cx) {
                    Poll::Ready(Ok(permit)) => self.keep(permit),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(PoolError::Closed)),
                    Poll::Pending => return self.wait(self.shared.books(), cx),
                }
            }
        }
        self.poll_at_front(cx)
    }

    /// The first step, all under one lock: the line and the semaphore's queue must have the same order. `None`: the
    /// permit is there, a worker is not.
    fn arrive(
        &mut self,
        acquire: Pin<&mut impl Future<Output = Permit<'a>>>,
        cx: &mut Context<'_>,
    ) -> Option<Poll<Result<WorkerGuard<C>, PoolError>>> {
        let mut books = self.shared.books();
        if books.closed {
            return Some(Poll::Ready(Err(PoolError::Closed)));
        }
        self.ticket = books.line.ticket();
        self.try_permit();
        if self.has_permit {
            if books.slots.tally().idle > books.line.len()
                && let Some(guard) = self.lend(books)
            {
                return Some(Poll::Ready(Ok(guard)));
            }
            return None;
        }
        self.join(&mut books);
        match acquire.poll(cx) {
            Poll::Ready(Ok(permit)) => {
                self.keep(permit);
                None
            }
            Poll::Ready(Err(_)) => Some(Poll::Ready(Err(PoolError::Closed))),
            Poll::Pending => {
                if books.all_held_by(self.task) {
                    drop(books);
                    tracing::warn!(place = %self.place, "a task that holds every worker asks for another");
                    books = self.shared.books();
                }
                Some(self.wait(books, cx))
            }
        }
    }

    fn keep(&mut self, permit: SemaphorePermit<'a>) {
        permit.forget();
        self.has_permit = true;
    }

    fn try_permit(&mut self) {
        if let Ok(permit) = self.shared.gate.try_acquire() {
            self.keep(permit);
        }
    }

    /// The permit is there; now a worker that is ready, or made ready.
    fn poll_at_front(&mut self, cx: &mut Context<'_>) -> Poll<Result<WorkerGuard<C>, PoolError>> {
        let mut driven = false;
        loop {
            let mut books = self.shared.books();
            if books.closed {
                return Poll::Ready(Err(PoolError::Closed));
            }
            self.join(&mut books);
            let idle = books.slots.tally().idle;
            if idle > 0 && books.line.is_due(self.ticket, idle) {
                if let Some(guard) = self.lend(books) {
                    return Poll::Ready(Ok(guard));
                }
                driven = false;
                continue;
            }
            books.line.advance(self.ticket);
            if driven {
                if let Some(failure) = books.verdict(self.now, &self.shared.options) {
                    return Poll::Ready(Err(PoolError::Connect(failure)));
                }
                return self.wait(books, cx);
            }
            // Before anything is looked at again, so that no change is missed.
            let former = books.line.register(self.ticket, cx.waker());
            drop(books);
            drop(former);
            self.shared.drive();
            self.now = Instant::now();
            driven = true;
        }
    }

    /// Nothing to be had: until the deadline.
    fn wait(
        &mut self,
        mut books: MutexGuard<'a, Books<C>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WorkerGuard<C>, PoolError>> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if self.now >= deadline {
            return Poll::Ready(Err(self.timed_out(&mut books)));
        }
        if self.own_timer.is_some() {
            drop(books);
            return self.wait_alone(deadline, cx);
        }
        let former = books.line.register(self.ticket, cx.waker());
        let here = current_runtime();
        let set = match (books.armed_for, here) {
            (Some((at, home)), Some(here)) if home == here && at <= deadline => false,
            (Some((_, home)), Some(here)) if home == here => {
                books.armed_for = Some((deadline, here));
                true
            }
            (None, Some(here)) => {
                let earliest = books.line.earliest_deadline().map_or(deadline, |at| at.min(deadline));
                books.armed_for = Some((earliest, here));
                true
            }
            _ => {
                drop(books);
                drop(former);
                return self.wait_alone(deadline, cx);
            }
        };
        drop(books);
        drop(former);
        if set {
            self.shared.alarm.set(self.shared);
        }
        Poll::Pending
    }

    /// With a timer of its own.
    fn wait_alone(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<Result<WorkerGuard<C>, PoolError>> {
        let timer = self.own_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        self.now = Instant::now();
        Poll::Ready(Err(self.timed_out(&mut self.shared.books())))
    }

    fn timed_out(&self, books: &mut Books<C>) -> PoolError {
        books.counters.timeouts += 1;
        let phase = if self.has_permit { books.phase() } else { PoolPhase::Waiting };
        let detail = TimeoutDetail {
            phase,
            waited: self.now.saturating_duration_since(self.started),
            holders: books.holders(self.now),
            all_mine: books.all_held_by(self.task),
            cause: books.health.cause(),
        };
        PoolError::Timeout(PoolTimeout::new(detail))
    }

    fn join(&mut self, books: &mut Books<C>) {
        if !self.in_line {
            self.deadline = self.limit.and_then(|limit| self.started.checked_add(limit));
            books.line.join(self.ticket, self.deadline);
            self.in_line = true;
        }
        if self.has_permit {
            books.line.advance(self.ticket);
        }
    }

    /// Takes an idle worker and makes it the guard's, together with the permit. `None`: it was not fit, and is set aside.
    fn lend(&mut self, mut books: MutexGuard<'a, Books<C>>) -> Option<WorkerGuard<C>> {
        let (at, worker) = books.slots.lend(self.place, self.purpose.as_ref(), self.task, self.now)?;
        if let Some(remedy) = self.shared.overdue(&worker, self.started, self.now) {
            self.reject(books, at, worker, remedy);
            return None;
        }
        if self.shared.looks.load(Ordering::Relaxed) {
            // The place in the line is kept until it is certain that this worker will do.
            drop(books);
            let remedy = self.shared.look_at(&worker.connection);
            books = self.shared.books();
            if let Some(remedy) = remedy {
                self.reject(books, at, worker, remedy);
                return None;
            }
        }
        books.counters.lent += 1;
        self.has_permit = false;
        let guard = WorkerGuard::new(self.shared.clone(), at, worker);
        self.leave(books);
        Some(guard)
    }

    fn reject(&self, mut books: MutexGuard<'a, Books<C>>, at: usize, worker: Box<Worker<C>>, remedy: Remedy) {
        let cut = books.slots.take_back(at, worker, Some(remedy)).err();
        let wakers = books.drivers();
        drop(books);
        wake(wakers);
        drop(cut);
    }

    fn leave(&mut self, mut books: MutexGuard<'a, Books<C>>) {
        if !std::mem::take(&mut self.in_line) {
            return;
        }
        let former = books.line.leave(self.ticket);
        let due = books.line.due(books.slots.tally().idle);
        // The alarm has rung, and this one may have been the one to set it again.
        let successor =
            if self.deadline.is_some() && books.armed_for.is_none() { books.line.first_timed() } else { None };
        drop(books);
        drop(former);
        wake(due);
        wake(successor);
        if !self.shared.jobs.is_empty() {
            self.shared.driver_left();
        }
    }
}

impl<C: Send + 'static> Drop for Request<'_, C> {
    fn drop(&mut self) {
        if self.in_line {
            self.leave(self.shared.books());
        }
        if self.has_permit && self.shared.books().settle_permit() {
            self.shared.gate.add_permits(1);
        }
    }
}
