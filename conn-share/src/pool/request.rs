//! One request for a worker, from its arrival to the guard.

use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{AcquireError, SemaphorePermit};
use tokio::task;
use tokio::time::{Instant, Sleep, sleep_until};

use super::books::Books;
use super::error::{PoolError, PoolPhase, PoolTimeout, TimeoutDetail};
use super::guard::WorkerGuard;
use super::jobs::current_runtime;
use super::shared::{Shared, wake};
use super::slots::{Remedy, Worker};

type Permit<'a> = Result<SemaphorePermit<'a>, AcquireError>;

/// Takes a worker, waiting at most `limit`.
pub(super) async fn take<C: Send + 'static>(
    shared: &Arc<Shared<C>>,
    limit: Option<Duration>,
    place: &'static Location<'static>,
) -> Result<WorkerGuard<C>, PoolError> {
    let mut acquire = pin!(shared.gate.acquire());
    let mut request = Request::new(shared, limit, place);
    std::future::poll_fn(|cx| request.poll(acquire.as_mut(), cx)).await
}

/// Takes a worker that is ready now, and nobody's turn.
pub(super) fn try_take<C: Send + 'static>(
    shared: &Arc<Shared<C>>,
    place: &'static Location<'static>,
) -> Result<WorkerGuard<C>, PoolError> {
    let mut request = Request::new(shared, None, place);
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
        let Some(candidate) = request.lend(&mut books) else { return Err(PoolError::NoneFree) };
        drop(books);
        if let Some(worker) = candidate.examine(request.started, request.now) {
            return Ok(request.succeed(worker));
        }
    }
}

/// A request, and what it has so far; dropped, it leaves the line and gives its permit back.
struct Request<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    place: &'static Location<'static>,
    task: Option<task::Id>,
    started: Instant,
    /// The clock as it was last read.
    now: Instant,
    deadline: Option<Instant>,
    /// 0: none yet.
    ticket: u64,
    in_line: bool,
    has_permit: bool,
    /// For a request that waits in another runtime than the one that turns the shared timer.
    own_timer: Option<Pin<Box<Sleep>>>,
}

impl<'a, C: Send + 'static> Request<'a, C> {
    fn new(shared: &'a Arc<Shared<C>>, limit: Option<Duration>, place: &'static Location<'static>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            place,
            task: task::try_id(),
            started: now,
            now,
            deadline: limit.and_then(|limit| now.checked_add(limit)),
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
                return Poll::Ready(result);
            }
        } else {
            self.now = Instant::now();
        }
        if !self.has_permit {
            match acquire.poll(cx) {
                Poll::Ready(Ok(permit)) => {
                    permit.forget();
                    self.has_permit = true;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(PoolError::Closed)),
                Poll::Pending => return self.wait(cx, false),
            }
        }
        self.poll_at_front(cx)
    }

    /// The first step, all under one lock: the line and the semaphore's queue must have the same order.
    fn arrive(
        &mut self,
        acquire: Pin<&mut impl Future<Output = Permit<'a>>>,
        cx: &mut Context<'_>,
    ) -> Option<Result<WorkerGuard<C>, PoolError>> {
        let mut books = self.shared.books();
        if books.closed {
            return Some(Err(PoolError::Closed));
        }
        self.ticket = books.line.ticket();
        self.try_permit();
        if self.has_permit
            && books.slots.tally().idle > books.line.len()
            && let Some(candidate) = self.lend(&mut books)
        {
            drop(books);
            if let Some(worker) = candidate.examine(self.started, self.now) {
                return Some(Ok(self.succeed(worker)));
            }
            books = self.shared.books();
        }
        self.join(&mut books);
        if !self.has_permit {
            match acquire.poll(cx) {
                Poll::Ready(Ok(permit)) => {
                    permit.forget();
                    self.has_permit = true;
                }
                Poll::Ready(Err(_)) => {
                    drop(books);
                    return Some(Err(PoolError::Closed));
                }
                Poll::Pending => {
                    let held_by_itself = books.all_held_by(self.task);
                    drop(books);
                    if held_by_itself {
                        tracing::warn!(place = %self.place, "a task that holds every worker asks for another");
                    }
                }
            }
        }
        None
    }

    fn try_permit(&mut self) {
        if let Ok(permit) = self.shared.gate.try_acquire() {
            permit.forget();
            self.has_permit = true;
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
            if books.line.is_due(self.ticket, idle)
                && let Some(candidate) = self.lend(&mut books)
            {
                drop(books);
                if let Some(worker) = candidate.examine(self.started, self.now) {
                    return Poll::Ready(Ok(self.succeed(worker)));
                }
                driven = false;
                continue;
            }
            books.line.advance(self.ticket);
            if driven {
                if let Some(failure) = books.verdict(self.now, &self.shared.options) {
                    drop(books);
                    return Poll::Ready(Err(PoolError::Connect(failure)));
                }
                drop(books);
                return self.wait(cx, true);
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
    fn wait(&mut self, cx: &mut Context<'_>, registered: bool) -> Poll<Result<WorkerGuard<C>, PoolError>> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if self.now >= deadline {
            return Poll::Ready(Err(self.timed_out()));
        }
        if let Some(timer) = &mut self.own_timer {
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(self.timed_out()));
        }
        let here = current_runtime();
        let mut books = self.shared.books();
        let former = if registered { None } else { books.line.register(self.ticket, cx.waker()) };
        let (set, own) = match (books.armed_for, here) {
            (Some((at, home)), Some(here)) if home == here && at <= deadline => (false, false),
            (Some((_, home)), Some(here)) if home == here => {
                books.armed_for = Some((deadline, here));
                (true, false)
            }
            (None, Some(here)) => {
                let earliest = books.line.earliest_deadline().map_or(deadline, |at| at.min(deadline));
                books.armed_for = Some((earliest, here));
                (true, false)
            }
            _ => (false, true),
        };
        drop(books);
        drop(former);
        if set {
            self.shared.alarm.set(self.shared);
        }
        if own {
            let timer = self.own_timer.insert(Box::pin(sleep_until(deadline)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(self.timed_out()));
        }
        Poll::Pending
    }

    fn timed_out(&mut self) -> PoolError {
        let now = Instant::now();
        let mut books = self.shared.books();
        books.counters.timeouts += 1;
        let phase = if self.has_permit { books.phase() } else { PoolPhase::Waiting };
        let detail = TimeoutDetail {
            phase,
            waited: now.saturating_duration_since(self.started),
            holders: books.holders(now),
            all_mine: books.all_held_by(self.task),
            cause: books.health.cause(),
        };
        PoolError::Timeout(PoolTimeout::new(detail))
    }

    fn join(&mut self, books: &mut Books<C>) {
        if !self.in_line {
            books.line.join(self.ticket, self.deadline);
            self.in_line = true;
        }
        if self.has_permit {
            books.line.advance(self.ticket);
        }
    }

    fn lend(&mut self, books: &mut Books<C>) -> Option<Candidate<'a, C>> {
        let (at, worker) = books.slots.lend(self.place, self.task, self.now)?;
        Some(Candidate { shared: self.shared, at, worker: Some(worker) })
    }

    /// The permit is the guard's now.
    fn succeed(&mut self, (at, worker): (usize, Box<Worker<C>>)) -> WorkerGuard<C> {
        self.has_permit = false;
        let guard = WorkerGuard::new(self.shared.clone(), at, worker);
        self.leave();
        guard
    }

    fn leave(&mut self) {
        if !std::mem::take(&mut self.in_line) {
            return;
        }
        let mut books = self.shared.books();
        let former = books.line.leave(self.ticket);
        let due = books.line.due(books.slots.tally().idle);
        // The alarm has rung, and this one may have been the one to set it again.
        let successor =
            if self.deadline.is_some() && books.armed_for.is_none() { books.line.first_timed() } else { None };
        let alone = !books.has_driver();
        drop(books);
        drop(former);
        wake(due);
        wake(successor);
        if alone || self.shared.jobs.has_runnable() {
            self.shared.driver_left();
        }
    }
}

impl<C: Send + 'static> Drop for Request<'_, C> {
    fn drop(&mut self) {
        self.leave();
        if self.has_permit && self.shared.books().settle_permit() {
            self.shared.gate.add_permits(1);
        }
    }
}

/// A worker that was taken to be lent, and may turn out not to be fit for it.
struct Candidate<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    at: usize,
    worker: Option<Box<Worker<C>>>,
}

impl<C: Send + 'static> Candidate<'_, C> {
    fn examine(mut self, arrived: Instant, now: Instant) -> Option<(usize, Box<Worker<C>>)> {
        let worker = self.worker.take()?;
        match self.shared.examine(&worker, arrived, now) {
            None => Some((self.at, worker)),
            Some(remedy) => {
                self.reject(worker, remedy);
                None
            }
        }
    }

    fn reject(&self, worker: Box<Worker<C>>, remedy: Remedy) {
        let mut books = self.shared.books();
        let cut = books.slots.take_back(self.at, worker, Some(remedy)).err();
        let wakers = books.drivers();
        drop(books);
        wake(wakers);
        drop(cut);
    }
}
