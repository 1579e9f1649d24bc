//! One request for a worker, from its arrival to the guard.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::abroad::PATIENCE;
use super::books::{Books, Calls};
use super::caller::{Asker, Caller, SELF_WAIT};
use super::error::{PoolError, PoolPhase, PoolTimeout, TimeoutDetail};
use super::guard::WorkerGuard;
use super::line::Handed;
use super::shared::Shared;
use super::slots::{Remedy, Worker};
use super::sync::{Instant, MutexGuard, RuntimeId, Sleep, current_runtime, sleep_until};
use crate::lock::wake;

/// Takes a worker, waiting at most `limit` from the first poll on.
pub(super) fn take<'a, C: Send + 'static>(
    shared: &'a Arc<Shared<C>>,
    limit: Option<Duration>,
    place: &'static Location<'static>,
    purpose: Option<Arc<str>>,
) -> Take<'a, C> {
    Take { shared, limit, place, purpose, request: None }
}

/// The future of a request. Written by hand: those of the compiler move the result once or twice on its way out.
#[must_use = "nobody asks for a worker before it is awaited"]
pub(super) struct Take<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    limit: Option<Duration>,
    place: &'static Location<'static>,
    purpose: Option<Arc<str>>,
    /// From the first poll on.
    request: Option<Request<'a, C>>,
}

impl<C: Send + 'static> Future for Take<'_, C> {
    type Output = Result<WorkerGuard<C>, PoolError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Take { shared, limit, place, purpose, request } = self.get_mut();
        request.get_or_insert_with(|| Request::new(shared, *limit, place, purpose.take())).poll(cx)
    }
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
        books = match request.take_at_once(books) {
            Ok(guard) => return Ok(guard),
            Err(books) => books,
        };
        if books.line.waiting() > 0 || books.slots.tally().idle == 0 || !request.join(&mut books) {
            // Next time there may be one.
            books.slots.heal_one();
            drop(books);
            shared.call_keeper();
            return Err(PoolError::NoneFree);
        }
        if let Ok(guard) = request.collect(books) {
            return Ok(guard);
        }
        request.give_up(shared.books(), false);
    }
}

/// A request, and what it has so far; dropped, it leaves the line, and what it has goes to the next.
struct Request<'a, C: Send + 'static> {
    shared: &'a Arc<Shared<C>>,
    asker: Asker,
    /// When it arrived.
    started: Instant,
    /// The clock as it was last read.
    now: Instant,
    limit: Option<Duration>,
    /// From `limit`, once it waits.
    deadline: Option<Instant>,
    /// Its place in the line; 0: none.
    ticket: u64,
    /// How many attempts to connect had failed when it joined.
    failures_before: u64,
    arrived: bool,
    /// For a request that waits in another runtime than the one that turns the shared timer.
    own_timer: Option<Pin<Box<Sleep>>>,
    /// When it no longer waits for runtimes that were asked whether they are turned.
    patience: Option<Pin<Box<Sleep>>>,
    /// The runtime in which it is polled for the first time, if it was asked already.
    here: Option<Option<RuntimeId>>,
}

type Polled<C> = Poll<Result<WorkerGuard<C>, PoolError>>;

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
            asker: Asker { place, purpose, caller: Caller::here() },
            started: now,
            now,
            limit,
            deadline: None,
            ticket: 0,
            failures_before: 0,
            arrived: false,
            own_timer: None,
            patience: None,
            here: None,
        }
    }

    /// Out of the line once this is ready, however long the future is kept.
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled<C> {
        assert!(!self.arrived || self.ticket != 0, "polled after it was ready");
        let crowded = self.shared.crowded.load(Ordering::Relaxed);
        self.here = (crowded && !self.arrived && self.limit.is_some()).then(current_runtime);
        let mut books = self.shared.books();
        if self.arrived {
            return self.poll_in_line(books, false, cx);
        }
        self.arrived = true;
        if books.closed {
            return Poll::Ready(Err(PoolError::Closed));
        }
        books = match self.take_at_once(books) {
            Ok(guard) => return Poll::Ready(Ok(guard)),
            Err(books) => books,
        };
        if self.join(&mut books) {
            return self.poll_in_line(books, true, cx);
        }
        if !crowded {
            self.shared.crowded.store(true, Ordering::Relaxed);
        }
        let keeper = books.suspect(self.ticket, &self.asker, self.now);
        let polled = self.wait(books, cx);
        wake(keeper);
        polled
    }

    /// The way of most requests: a worker is ready, nobody waits, and nothing has to be looked at.
    #[inline(always)]
    fn take_at_once(&self, mut books: MutexGuard<'a, Books<C>>) -> Result<WorkerGuard<C>, MutexGuard<'a, Books<C>>> {
        if books.line.waiting() > 0 || self.shared.looks.load(Ordering::Relaxed) {
            return Err(books);
        }
        if books.slots.tally().idle == 0 || !books.gate.pass() {
            return Err(books);
        }
        let Some((at, worker)) = books.slots.lend(&self.asker, self.now) else { unreachable!("one is idle") };
        if self.shared.keeps_time() && self.shared.overdue(&worker, self.started, self.now).is_some() {
            // It keeps its place in the line while that is seen to.
            let kept = books.slots.take_back(at, worker, None);
            debug_assert!(kept.is_ok(), "lent a moment ago, under the same lock");
            books.gate.give_back();
            return Err(books);
        }
        books.counters.lent += 1;
        drop(books);
        Ok(WorkerGuard::new(self.shared.clone(), at, worker))
    }

    /// Joins the line, with a permit if there is one left; whether there was.
    fn join(&mut self, books: &mut Books<C>) -> bool {
        self.deadline = self.limit.and_then(|limit| self.started.checked_add(limit));
        self.failures_before = books.counters.connect_failures;
        let permit = books.gate.pass();
        self.ticket = books.line.join(self.asker.clone(), permit);
        if permit {
            let mut calls = Calls::default();
            // To itself, if at all: nobody before it has a permit and could have had a worker.
            books.hand_over(self.now, &mut calls);
        }
        permit
    }

    fn poll_in_line(
        &mut self,
        mut books: MutexGuard<'a, Books<C>>,
        mut now_is_fresh: bool,
        cx: &mut Context<'_>,
    ) -> Polled<C> {
        /// Workers that were not fit, then others have their turn on this thread.
        const ROUNDS: u32 = 32;
        let mut driven = false;
        let mut unfit = 0;
        loop {
            if books.closed {
                self.give_up(books, true);
                return Poll::Ready(Err(PoolError::Closed));
            }
            if unfit == ROUNDS {
                let polled = self.wait(books, cx);
                // Outside the lock: it may ask the pool.
                cx.waker().wake_by_ref();
                return polled;
            }
            books = match self.collect(books) {
                Ok(guard) => return Poll::Ready(Ok(guard)),
                Err(Some(books)) => books,
                Err(None) => {
                    books = self.shared.books();
                    (driven, now_is_fresh) = (false, false);
                    unfit += 1;
                    continue;
                }
            };
            if !std::mem::take(&mut now_is_fresh) {
                self.now = Instant::now();
            }
            if !books.line.is_front(self.ticket) {
                return self.wait(books, cx);
            }
            if driven {
                // Timers run foreign code: wakers.
                drop(books);
                if self.looks_abroad(cx) {
                    self.shared.jobs.abort_mute();
                    books = self.shared.books();
                    driven = false;
                    continue;
                }
                books = self.shared.books();
                if let Some(failure) = books.verdict(self.failures_before, self.now, &self.shared.options) {
                    self.give_up(books, true);
                    return Poll::Ready(Err(PoolError::Connect(failure)));
                }
                return self.wait(books, cx);
            }
            // Before anything is looked at again, so that no change is missed.
            let former = books.line.register(self.ticket, cx.waker());
            drop(books);
            drop(former);
            self.shared.drive();
            driven = true;
            books = self.shared.books();
        }
    }

    /// Whether jobs that it waits for may be stuck, since they were begun in another runtime: it was asked whether it is
    /// turned, a while ago.
    fn looks_abroad(&mut self, cx: &mut Context<'_>) -> bool {
        // Where no runtime is, there is no timer to wait by.
        if current_runtime().is_none() {
            return false;
        }
        let patience = match &mut self.patience {
            Some(patience) => patience,
            None if self.shared.jobs.ask_abroad() => {
                self.patience.insert(Box::pin(sleep_until(Instant::now() + PATIENCE)))
            }
            None => return false,
        };
        let over = patience.as_mut().poll(cx).is_ready();
        if over {
            self.patience = None;
        }
        over
    }

    /// Comes for the worker that was handed to it. `Err(None)`: it was not fit, and was set aside.
    fn collect(
        &mut self,
        mut books: MutexGuard<'a, Books<C>>,
    ) -> Result<WorkerGuard<C>, Option<MutexGuard<'a, Books<C>>>> {
        let looks = self.shared.looks.load(Ordering::Relaxed);
        let now = &mut self.now;
        let mut fits = |worker: &Worker<C>| {
            if self.shared.keeps_time() {
                *now = Instant::now();
            }
            self.shared.overdue(worker, self.started, *now)
        };
        if !looks && let Some(((at, worker), former)) = books.line.take(self.ticket, |worker| fits(worker).is_none()) {
            books.counters.lent += 1;
            self.ticket = 0;
            self.left(books, Calls::default(), true);
            drop(former);
            return Ok(WorkerGuard::new(self.shared.clone(), at, worker));
        }
        let Some((at, worker)) = books.line.collect(self.ticket) else { return Err(Some(books)) };
        let mut remedy = fits(&worker);
        if remedy.is_none() && looks {
            // The place in the line is kept until it is certain that this worker will do.
            drop(books);
            remedy = self.shared.look_at(&worker.connection);
            books = self.shared.books();
        }
        if let Some(remedy) = remedy {
            self.reject(books, (at, worker), remedy);
            return Err(None);
        }
        books.counters.lent += 1;
        let guard = WorkerGuard::new(self.shared.clone(), at, worker);
        self.leave(books);
        Ok(guard)
    }

    fn reject(&self, mut books: MutexGuard<'a, Books<C>>, (at, worker): Handed<C>, remedy: Remedy) {
        let mut calls = Calls::default();
        let cut = books.slots.take_back(at, worker, Some(remedy)).err();
        books.line.send_back(self.ticket);
        books.hand_over(self.now, &mut calls);
        calls.extend(books.drivers());
        drop(books);
        calls.make();
        drop(cut);
    }

    /// Nothing to be had: until the deadline.
    fn wait(&mut self, mut books: MutexGuard<'a, Books<C>>, cx: &mut Context<'_>) -> Polled<C> {
        let (Some(deadline), None) = (self.deadline, &self.own_timer) else {
            let former = books.line.register(self.ticket, cx.waker());
            drop(books);
            drop(former);
            return self.wait_alone(cx);
        };
        if self.now >= deadline {
            return Poll::Ready(Err(self.timed_out(books)));
        }
        let former = books.line.register_until(self.ticket, cx.waker(), Some(deadline));
        let here = self.here.take().unwrap_or_else(current_runtime);
        let set = match (books.armed_for, here) {
            (Some((at, home)), Some(here)) if home == here && at <= deadline => false,
            (Some((_, home)), Some(here)) if home == here => {
                books.armed_for = Some((deadline, here));
                true
            }
            (None, Some(here)) if books.rang_in.is_none_or(|rang| rang == here) => {
                books.rang_in = None;
                let earliest = books.line.earliest_deadline().map_or(deadline, |at| at.min(deadline));
                books.armed_for = Some((earliest, here));
                true
            }
            _ => {
                let former_too = books.line.register_until(self.ticket, cx.waker(), None);
                drop(books);
                drop((former, former_too));
                self.own_timer = Some(Box::pin(sleep_until(deadline)));
                return self.wait_alone(cx);
            }
        };
        drop(books);
        drop(former);
        if set {
            self.shared.alarm.set(self.shared);
        }
        Poll::Pending
    }

    /// With a timer of its own, or without any.
    fn wait_alone(&mut self, cx: &mut Context<'_>) -> Polled<C> {
        let Some(timer) = &mut self.own_timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        self.now = Instant::now();
        Poll::Ready(Err(self.timed_out(self.shared.books())))
    }

    fn timed_out(&mut self, mut books: MutexGuard<'a, Books<C>>) -> PoolError {
        books.counters.timeouts += 1;
        // One that has no permit waits for those before it; where nobody has a worker, for what they wait for.
        let is_next = books.line.is_front(self.ticket) || books.slots.tally().on_loan == 0;
        let phase = if is_next { books.phase() } else { PoolPhase::Waiting };
        let detail = TimeoutDetail {
            phase,
            waited: self.now.saturating_duration_since(self.started),
            holders: books.holders(self.now),
            all_mine: books.all_taken_by(self.asker.caller),
            cause: books.health.cause(),
        };
        // Who waits longer is warned by the keeper.
        let warns = detail.waited < SELF_WAIT && books.waits_for_itself(self.asker.caller);
        self.give_up(books, true);
        if warns {
            self.asker.warn_of_self_wait();
        }
        tracing::debug!(place = %self.asker.place, %phase, waited = ?detail.waited, "a request for a worker timed out");
        PoolError::Timeout(PoolTimeout::new(detail))
    }

    /// Leaves the line; the permit stays with the guard.
    fn leave(&mut self, mut books: MutexGuard<'a, Books<C>>) {
        let left = books.line.leave(std::mem::take(&mut self.ticket));
        self.left(books, Calls::default(), true);
        drop(left);
    }

    /// Leaves the line; what it has goes to the next. `polled`: it is being polled, not dropped.
    fn give_up(&mut self, mut books: MutexGuard<'a, Books<C>>, polled: bool) {
        let mut calls = Calls::default();
        let Some(left) = books.line.leave(std::mem::take(&mut self.ticket)) else { return };
        let cut = left.handed.and_then(|(at, worker)| books.slots.take_back(at, worker, None).err());
        if left.had_permit {
            books.return_permit(&mut calls);
        }
        if books.line.fronts() > 0 && books.slots.tally().idle > 0 {
            books.hand_over(Instant::now(), &mut calls);
        }
        // As when a loan ends: what was handed may be one too many by now.
        if books.slots.tally().to_close > 0 {
            calls.extend(books.drivers());
        }
        self.left(books, calls, polled);
        drop((left.waker, cut));
    }

    fn left(&self, mut books: MutexGuard<'a, Books<C>>, mut calls: Calls, polled: bool) {
        // The alarm has rung, and this one may have been the one to set it again.
        let mut to_set = false;
        if self.deadline.is_some() && books.armed_for.is_none() {
            to_set = polled && current_runtime().is_some_and(|here| books.rearm(here));
            calls.add(books.alarm_setter());
        }
        drop(books);
        calls.make();
        if to_set {
            self.shared.alarm.set(self.shared);
        }
        if !self.shared.jobs.is_empty() {
            self.shared.driver_left();
        }
    }
}

impl<C: Send + 'static> Drop for Request<'_, C> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.give_up(self.shared.books(), false);
        }
    }
}
