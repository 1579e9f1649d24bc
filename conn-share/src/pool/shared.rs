//! What all handles, guards and jobs of a pool share, and the moves that they make.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use super::alarm::Alarm;
use super::books::{Books, Calls, Keeper, Next};
use super::chance;
use super::error::Cause;
use super::jobs::Jobs;
use super::options::Options;
use super::slots::{Needs, Remedy, Work, Worker};
use super::sync::{AtomicBool, Instant, Mutex, MutexGuard};
use super::tending::{Tend, looks_bad};
use super::work::{self, Pause, SlotLease};
use crate::lock::wake;

pub(super) struct Shared<C: Send + 'static> {
    books: Mutex<Books<C>>,
    pub(super) jobs: Jobs<C>,
    pub(super) alarm: Alarm,
    pub(super) tend: Arc<dyn Tend<C>>,
    pub(super) options: Arc<Options>,
    /// There is a reset, a check, a hook that looks at workers, as far as is known.
    resets: AtomicBool,
    checks: AtomicBool,
    pub(super) looks: AtomicBool,
    /// Workers grow too old, or are idle for too long.
    ages: bool,
    /// Somebody waits, as far as is known without the books: what will be needed then is better found out before they are
    /// locked.
    pub(super) crowded: AtomicBool,
    chance: chance::Chance,
    own: Weak<Shared<C>>,
}

impl<C: Send + 'static> Shared<C> {
    pub(super) fn new(tend: Arc<dyn Tend<C>>, options: Options) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            books: Mutex::new(Books::new(&options)),
            jobs: Jobs::new(),
            alarm: Alarm::new(own.clone()),
            tend,
            resets: AtomicBool::new(true),
            checks: AtomicBool::new(true),
            looks: AtomicBool::new(true),
            ages: options.max_lifetime.is_some() || options.idle_limit.is_some(),
            crowded: AtomicBool::new(false),
            chance: chance::Chance::new(),
            own: own.clone(),
            options: Arc::new(options),
        })
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books<C>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the life of a worker on loan

    /// What keeps an idle worker from being lent to a request that came at `arrived`: the part that is plain arithmetic.
    pub(super) fn overdue(&self, worker: &Worker<C>, arrived: Instant, now: Instant) -> Option<Remedy> {
        // Made ready while the request waited: to do it again would never end where a limit is short.
        if !self.keeps_time() || (worker.fresh && worker.proven >= arrived) {
            return None;
        }
        let rested = now.saturating_duration_since(worker.proven);
        if worker.expires.is_some_and(|at| at <= now) || self.options.idle_limit.is_some_and(|limit| rested >= limit) {
            return Some(Remedy::Close);
        }
        if self.checks.load(Ordering::Relaxed) && rested >= self.options.check_after {
            return Some(Remedy::Tend(Needs { check: true, ..Needs::default() }));
        }
        None
    }

    /// Whether anybody will ask when a worker came back.
    #[inline]
    pub(super) fn keeps_time(&self) -> bool {
        self.ages || self.checks.load(Ordering::Relaxed)
    }

    /// Whether a worker never needs anything between two loans, as far as the pool knows.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !(self.keeps_time() | self.resets.load(Ordering::Relaxed) | self.looks.load(Ordering::Relaxed))
    }

    /// What a worker needs that comes back from a loan.
    pub(super) fn look_back(&self, worker: &Worker<C>, now: Option<Instant>) -> Option<Remedy> {
        let suspect = std::thread::panicking();
        let reset = self.resets.load(Ordering::Relaxed) && looks_bad(|| self.tend.needs_reset(&worker.connection));
        if worker.expires.is_some_and(|at| now.is_some_and(|now| at <= now)) {
            return Some(Remedy::Close);
        }
        match self.look_at(&worker.connection) {
            Some(Remedy::Tend(needs)) => Some(Remedy::Tend(Needs { reset, ..needs })),
            Some(remedy) => Some(remedy),
            None if reset || suspect => Some(Remedy::Tend(Needs { recover: false, reset, check: suspect })),
            None => None,
        }
    }

    /// What the hooks that look at a worker say; outside any lock, since they are foreign code.
    pub(super) fn look_at(&self, connection: &C) -> Option<Remedy> {
        if !self.looks.load(Ordering::Relaxed) {
            return None;
        }
        if looks_bad(|| self.tend.is_broken(connection)) {
            return Some(Remedy::Close);
        }
        if looks_bad(|| self.tend.is_interrupted(connection)) {
            return Some(Remedy::Tend(Needs { recover: true, ..Needs::default() }));
        }
        None
    }

    /// A worker comes back from a loan, its permit with it. `now`: the clock, if it had to be read.
    pub(super) fn give_back(
        &self,
        at: usize,
        mut worker: Box<Worker<C>>,
        remedy: Option<Remedy>,
        now: Option<Instant>,
    ) {
        let crowded = self.crowded.load(Ordering::Relaxed);
        let now = now.or_else(|| crowded.then(Instant::now));
        worker.proven = now.unwrap_or(worker.proven);
        worker.fresh = false;
        let mut books = self.books();
        if remedy.is_none()
            && let Some(now) = now
        {
            worker = match books.pass_on(at, worker, now) {
                Ok(waker) => {
                    drop(books);
                    wake(waker);
                    return;
                }
                Err(worker) => worker,
            };
        }
        let cut = books.slots.take_back(at, worker, remedy).err();
        if books.is_quiet() {
            books.gate.give_back();
            if crowded {
                self.crowded.store(false, Ordering::Relaxed);
            }
            drop(books);
            drop(cut);
            return;
        }
        let mut calls = Calls::default();
        books.return_permit(&mut calls);
        if books.line.fronts() > 0 {
            books.hand_over(now.unwrap_or_else(Instant::now), &mut calls);
        }
        // Read after the move: a surplus worker is to be closed although nothing is wrong with it.
        let tally = books.slots.tally();
        if tally.to_close + tally.to_tend > 0 {
            calls.extend(books.drivers());
        }
        drop(books);
        calls.make();
        drop(cut);
    }

    /// A loan ends without its worker, its permit with it.
    pub(super) fn end_loan(&self, at: usize, worker: u64) {
        let mut calls = Calls::default();
        let mut books = self.books();
        books.slots.end_loan(at, worker, self.options.heals());
        books.return_permit(&mut calls);
        calls.extend(books.watchers());
        drop(books);
        calls.make();
    }

    // ---- what jobs report

    pub(super) fn note(&self, at: usize, work: Work) {
        self.books().slots.note(at, work);
    }

    pub(super) fn settle(&self, at: usize, worker: Box<Worker<C>>) {
        let now = Instant::now();
        let mut calls = Calls::default();
        let mut books = self.books();
        let given_up = books.slots.settle(at, worker).err();
        books.hand_over(now, &mut calls);
        calls.extend(books.watchers());
        drop(books);
        calls.make();
        drop(given_up);
    }

    pub(super) fn connected(&self, at: usize, mut connection: C) {
        // A hook that panics is one that was written.
        let _ = catch_unwind(AssertUnwindSafe(|| self.learn(&mut connection)));
        let now = Instant::now();
        // Up to a tenth earlier, so that workers connected together do not end together.
        let expires = self
            .options
            .max_lifetime
            .and_then(|lifetime| now.checked_add(lifetime - lifetime.mul_f64(0.1 * self.chance.next())));
        let mut books = self.books();
        books.next_worker += 1;
        let id = books.next_worker;
        books.counters.connected += 1;
        books.health.succeeded();
        let given_up =
            books.slots.settle(at, Box::new(Worker { id, connection, expires, proven: now, fresh: true })).err();
        let mut calls = Calls::default();
        books.hand_over(now, &mut calls);
        calls.extend(books.watchers());
        drop(books);
        drop(given_up);
        tracing::debug!(worker = id, "a worker is connected");
        calls.make();
    }

    /// `failure`: after how many failures the attempt began, and why it failed; `None` when that says nothing.
    pub(super) fn connect_failed(&self, at: usize, failure: Option<(u32, Cause)>) {
        let now = Instant::now();
        let mut books = self.books();
        books.slots.vacate(at, self.options.heals());
        if let Some((began_after, cause)) = failure {
            books.counters.connect_failures += 1;
            books.health.failed(began_after, cause, now, &self.options.backoff, self.chance.next());
            books.note_failure(&self.options);
        }
        let wakers = books.watchers();
        drop(books);
        wake(wakers);
    }

    pub(super) fn sidelined(&self, at: usize, worker: Box<Worker<C>>, remedy: Remedy) {
        let mut books = self.books();
        let given_up = books.slots.set_aside(at, worker, remedy).err();
        let wakers = books.watchers();
        drop(books);
        drop(given_up);
        wake(wakers);
    }

    /// A job ended without its worker, who was dropped without a goodbye.
    pub(super) fn lost(&self, at: usize) {
        self.books().note_lost(at);
        self.vacated(at);
    }

    pub(super) fn vacated(&self, at: usize) {
        let mut books = self.books();
        books.slots.vacate(at, self.options.heals());
        let wakers = books.watchers();
        drop(books);
        wake(wakers);
    }

    pub(super) fn yielded(&self) {
        self.books().health.yielded();
    }

    pub(super) fn pause_over(&self) {
        let mut books = self.books();
        books.pausing = false;
        books.health.yielded();
        let wakers = books.watchers();
        drop(books);
        wake(wakers);
    }

    /// Sees which hooks there are, so that a pool without them does not pay for them. The futures made for that are
    /// dropped before they ran.
    fn learn(&self, connection: &mut C) {
        if self.resets.load(Ordering::Relaxed) && self.tend.reset(connection).is_none() {
            self.resets.store(false, Ordering::Relaxed);
        }
        if self.checks.load(Ordering::Relaxed) && self.tend.check(connection).is_none() {
            self.checks.store(false, Ordering::Relaxed);
        }
        if self.looks.load(Ordering::Relaxed) && !self.tend.looks(connection) {
            self.looks.store(false, Ordering::Relaxed);
        }
    }

    /// Sets aside idle workers that are too old, or idle for too long.
    pub(super) fn trim(&self, now: Instant) {
        let idle_limit = self.options.idle_limit;
        self.books().slots.retire(|worker| {
            worker.expires.is_some_and(|at| at <= now)
                || idle_limit.is_some_and(|limit| now.saturating_duration_since(worker.proven) >= limit)
        });
    }

    /// Looks at the idle workers, a few at a time, so that requests find some meanwhile; sets aside those that are
    /// broken or interrupted.
    pub(super) fn look_around(&self) {
        if !self.looks.load(Ordering::Relaxed) {
            return;
        }
        let mut left = self.books().slots.tally().idle;
        while left > 0 {
            let mut books = self.books();
            // Back they go to the other end, so that after a round they lie as before.
            let some = books.slots.take_rested((left / 2).clamp(1, 64));
            drop(books);
            if some.is_empty() {
                return;
            }
            left = left.saturating_sub(some.len());
            for (at, worker) in some {
                match self.look_at(&worker.connection) {
                    Some(remedy) => self.sidelined(at, worker, remedy),
                    None => self.looked_at(at, worker),
                }
            }
        }
    }

    fn looked_at(&self, at: usize, worker: Box<Worker<C>>) {
        let mut calls = Calls::default();
        let mut books = self.books();
        let given_up = books.slots.settle(at, worker).err();
        if books.line.fronts() > 0 {
            books.hand_over(Instant::now(), &mut calls);
        }
        if books.slots.tally().to_close > 0 {
            calls.extend(books.drivers());
        }
        drop(books);
        calls.make();
        drop(given_up);
    }

    /// Changes how many connections there may be.
    pub(super) fn resize(&self, size: usize) {
        let mut books = self.books();
        if books.closed {
            return;
        }
        let before = books.slots.size();
        books.slots.resize(size, self.options.heals());
        let surplus = before.saturating_sub(size);
        books.debt += surplus - books.gate.forget(surplus);
        let mut calls = Calls::default();
        for _ in before..size {
            books.return_permit(&mut calls);
        }
        calls.extend(books.watchers());
        drop(books);
        calls.make();
        tracing::debug!(from = before, to = size, "a pool changes its size");
    }

    // ---- carrying jobs on

    /// Begins what should be begun and polls what can go on.
    pub(super) fn drive(self: &Arc<Self>) {
        /// Work that begins other work, so often; then this thread has other things to do.
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            let began = self.begin_jobs();
            if self.jobs.poll_some() {
                break;
            }
            if !began {
                return;
            }
        }
        // Somebody goes on in a moment.
        self.call_drivers();
    }

    fn begin_jobs(self: &Arc<Self>) -> bool {
        let mut began = false;
        loop {
            let next = self.books().next_job(Instant::now(), &self.options);
            let connects = matches!(next, Next::Connect(..));
            let lease = |at| SlotLease::new(self, at);
            let (tend, options) = (self.tend.clone(), self.options.clone());
            let work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match next {
                Next::Nothing => return began,
                Next::Connect(at, failures) => Box::pin(work::connect(lease(at), tend, options, failures)),
                Next::Tend(at, worker, needs) => Box::pin(work::put_in_order(lease(at), worker, tend, options, needs)),
                Next::Close(at, worker) => {
                    self.books().counters.closed += 1;
                    Box::pin(work::disconnect(lease(at), worker, tend, options))
                }
                Next::Pause(until) => Box::pin(work::pause(Pause(self.own.clone()), until)),
            };
            self.jobs.add(work, connects, self.own.clone());
            began = true;
        }
    }

    /// Wakes those who carry jobs on.
    pub(super) fn call_drivers(&self) {
        let wakers = self.books().drivers();
        wake(wakers);
    }

    /// Somebody who carried jobs on has left. When nobody is left who would, the jobs end: a half-open connection that
    /// nobody looks at is of no use to the next one who asks.
    pub(super) fn driver_left(&self) {
        let books = self.books();
        let alone = !books.has_driver();
        drop(books);
        if alone {
            self.jobs.abort(None);
        } else if self.jobs.has_runnable() {
            self.call_drivers();
        }
    }

    /// Wakes the keeper alone.
    pub(super) fn call_keeper(&self) {
        let waker = match &self.books().keeper {
            Keeper::Present(waker) => waker.clone(),
            Keeper::Gone => None,
        };
        wake(waker);
    }
}

impl<C: Send + 'static> Drop for Shared<C> {
    fn drop(&mut self) {
        // Work under way may hold its own waker, and would keep itself alive.
        self.jobs.abort(None);
        // It sees that the pool is gone, and ends.
        self.call_keeper();
    }
}
