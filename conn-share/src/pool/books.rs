//! Everything a pool knows about itself, behind one mutex: who has which worker, who waits, how the device is.
//!
//! Plain state: no await, no clock (moments are passed in), and no foreign code except the wakers' `clone`. What a
//! change makes necessary is returned, to be done after the mutex is released.

use std::task::Waker;

use super::caller::{Asker, Caller};
use super::error::{ConnectFailure, Holder, PoolPhase};
use super::gate::Gate;
use super::health::Health;
use super::line::Line;
use super::options::Options;
use super::slots::{Loan, Needs, Remedy, Slots, Worker};
use super::status::Counters;
use super::sync::{Instant, RuntimeId};
use crate::lock::wake;

pub(super) struct Books<C> {
    pub(super) slots: Slots<C>,
    pub(super) gate: Gate,
    pub(super) line: Line<C>,
    pub(super) health: Health,
    /// A job waits for the moment of the next attempt.
    pub(super) pausing: bool,
    /// How many attempts had failed when it was last time to tell those who wait.
    given_up_at: u64,
    pub(super) closed: bool,
    /// Permits that are out and must not come back, since the pool was made smaller.
    pub(super) debt: usize,
    pub(super) keeper: Keeper,
    /// Calls of `start` and `close` that carry the jobs on.
    pub(super) attendants: Vec<(u64, Option<Waker>)>,
    pub(super) next_attendant: u64,
    pub(super) next_worker: u64,
    /// What the shared timer is set to, and the runtime that turns it.
    pub(super) armed_for: Option<(Instant, RuntimeId)>,
    /// The runtime in which the timer has gone off and was not set again.
    pub(super) rang_in: Option<RuntimeId>,
    /// Who may be waiting for himself, and since when.
    suspect: Option<(u64, Instant)>,
    pub(super) counters: Counters,
    /// Since the pool was closed: loans that were cut, and workers that were dropped without a goodbye.
    pub(super) cut: Vec<Holder>,
    pub(super) dropped: usize,
}

/// The task that works in the background.
#[derive(Debug, Default)]
pub(super) enum Keeper {
    /// Not there yet, or its runtime ended.
    #[default]
    Gone,
    /// There; its waker, from the first time it ran on.
    Present(Option<Waker>),
}

/// What to begin next.
pub(super) enum Next<C> {
    Tend(usize, Box<Worker<C>>, Needs),
    Close(usize, Box<Worker<C>>),
    /// In this slot, after so many failures.
    Connect(usize, u32),
    /// Until the next attempt may begin.
    Pause(Instant),
    Nothing,
}

impl<C> Books<C> {
    pub(super) fn new(options: &Options) -> Self {
        // One for each worker, and one for each attempt after it: a start that fails names all.
        let causes = if options.lazy { 1 } else { options.size + options.backoff.attempts.min(64) as usize };
        Self {
            slots: Slots::new(options.size, options.heals()),
            gate: Gate::new(options.size),
            line: Line::new(),
            health: Health::new(causes),
            pausing: false,
            given_up_at: 0,
            closed: false,
            debt: 0,
            keeper: Keeper::Gone,
            attendants: Vec::new(),
            next_attendant: 0,
            next_worker: 0,
            armed_for: None,
            rang_in: None,
            suspect: None,
            counters: Counters::default(),
            cut: Vec::new(),
            dropped: 0,
        }
    }

    /// The next thing that somebody should do, and who looks after it from now on is the caller.
    pub(super) fn next_job(&mut self, now: Instant, options: &Options) -> Next<C> {
        let tally = *self.slots.tally();
        let wanted = self.line.fronts().saturating_sub(tally.idle + tally.producing());
        // Those who come for a worker do no more than they need: they leave when they have one.
        let steady = !self.attendants.is_empty() || matches!(self.keeper, Keeper::Present(_));
        if tally.to_close > 0 || (tally.to_tend > 0 && (steady || wanted > 0)) {
            let only_close = !steady && wanted == 0;
            match self.slots.next_ailing(only_close) {
                Some((at, worker, Remedy::Tend(needs))) => return Next::Tend(at, worker, needs),
                Some((at, worker, Remedy::Close)) => return Next::Close(at, worker),
                None => {}
            }
        }
        let to_heal = if steady { tally.to_heal } else { 0 };
        if self.closed
            || tally.vacant == 0
            || (wanted == 0 && to_heal == 0)
            || tally.connecting >= options.connect_concurrency
        {
            return Next::Nothing;
        }
        // After a failure one attempt at a time asks whether the device is back.
        if self.health.failures() > 0 && tally.connecting > 0 {
            return Next::Nothing;
        }
        if let Some(until) = self.health.blocked_until(now) {
            if self.pausing {
                return Next::Nothing;
            }
            self.pausing = true;
            return Next::Pause(until);
        }
        match self.slots.next_vacant() {
            Some(at) => Next::Connect(at, self.health.failures()),
            None => Next::Nothing,
        }
    }

    /// An attempt failed, and those who wait are to be told: no worker is left, and attempts have failed for good.
    pub(super) fn note_failure(&mut self, options: &Options) {
        if self.slots.tally().connecting == 0 && self.is_hopeless(options) {
            self.given_up_at = self.counters.connect_failures;
        }
    }

    /// Why one who joined the line after so many failures may stop waiting. Whether the next attempt is under way already is
    /// the same to those who were there when the last one failed.
    pub(super) fn verdict(&self, failures_before: u64, now: Instant, options: &Options) -> Option<ConnectFailure> {
        let told = self.given_up_at > failures_before;
        let resting = self.slots.tally().connecting == 0 && self.health.blocked_until(now).is_some();
        (self.is_hopeless(options) && (told || resting)).then(|| self.health.failure(now))
    }

    /// There is no worker, but perhaps one that is being connected, and attempts have failed for good.
    fn is_hopeless(&self, options: &Options) -> bool {
        let tally = self.slots.tally();
        tally.idle + tally.to_tend + tally.tended + tally.on_loan == 0 && self.health.is_down(&options.backoff)
    }

    /// A job ends without the worker that it had, who was not disconnected, or without having opened one.
    pub(super) fn note_lost(&mut self, at: usize) {
        if self.closed && self.slots.has_worker_out(at) {
            self.dropped += 1;
        }
    }

    /// What a request at the front waits for.
    pub(super) fn phase(&self) -> PoolPhase {
        let tally = self.slots.tally();
        if tally.tended + tally.to_tend > 0 {
            PoolPhase::Checking
        } else if tally.connecting > 0 || self.pausing || tally.vacant > 0 {
            PoolPhase::Connecting
        } else {
            PoolPhase::Waiting
        }
    }

    /// Nobody waits, and nothing is to be done.
    #[inline(always)]
    pub(super) fn is_quiet(&self) -> bool {
        let tally = self.slots.tally();
        self.line.waiting() + self.debt + tally.to_close + tally.to_tend == 0
    }

    /// A permit comes back: for the first who waits for one, otherwise for whoever comes next.
    pub(super) fn return_permit(&mut self, calls: &mut Calls) {
        if self.debt > 0 {
            self.debt -= 1;
            return;
        }
        match self.line.promote() {
            Some(waker) => calls.add(waker),
            None => self.gate.give_back(),
        }
    }

    /// Hands workers that are ready to those who wait for one.
    pub(super) fn hand_over(&mut self, now: Instant, calls: &mut Calls) {
        while self.slots.tally().idle > 0
            && let Some(waker) = self.line.hand(|asker| self.slots.lend(asker, now))
        {
            calls.add(waker);
        }
    }

    /// A worker that comes back goes to the first who waits at once, its permit with it, if that is all there is to do.
    #[inline(always)]
    pub(super) fn pass_on(
        &mut self,
        at: usize,
        worker: Box<Worker<C>>,
        now: Instant,
    ) -> Result<Option<Waker>, Box<Worker<C>>> {
        let direct = self.line.queued() > 0 && self.line.fronts() + self.debt == 0 && self.slots.may_go_on(at, &worker);
        if !direct {
            return Err(worker);
        }
        Ok(self.line.serve(|asker| {
            self.slots.lend_on(at, &worker, asker, now);
            (at, worker)
        }))
    }

    /// Somebody carries jobs on, or will in a moment: whoever waits gets the permit of one who left, and takes over.
    pub(super) fn has_driver(&self) -> bool {
        self.line.waiting() > 0 || !self.attendants.is_empty() || matches!(self.keeper, Keeper::Present(_))
    }

    /// The alarm has rung in the runtime `here`, and nobody has set it since: says what to set it to, if somebody waits
    /// for it. Whoever is told `true` does it.
    pub(super) fn rearm(&mut self, here: RuntimeId) -> bool {
        if self.armed_for.is_some() || self.rang_in.take_if(|rang| *rang == here).is_none() {
            return false;
        }
        self.armed_for = self.line.earliest_deadline().map(|at| (at, here));
        self.armed_for.is_some()
    }

    /// The same where the caller cannot set it: who could, so far as there is one and nobody has.
    pub(super) fn alarm_setter(&mut self) -> Option<Waker> {
        if self.armed_for.is_some() || self.rang_in.is_none() {
            return None;
        }
        let setter = self.line.next_timed();
        if setter.is_none() {
            self.rang_in = None;
        }
        setter
    }

    /// The keeper, the attendants and the first who waits for a worker: one of them will come.
    pub(super) fn drivers(&self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        wakers.extend(self.line.first_front());
        wakers.extend(self.attendants.iter().filter_map(|(_, waker)| waker.clone()));
        if let Keeper::Present(Some(waker)) = &self.keeper {
            wakers.push(waker.clone());
        }
        wakers
    }

    /// Everybody who waits for a change other than a worker that is ready.
    pub(super) fn watchers(&self) -> Vec<Waker> {
        let mut wakers = self.drivers();
        self.line.all_fronts(&mut wakers);
        wakers
    }

    /// The loans as people read them.
    pub(super) fn holders(&self, now: Instant) -> Vec<Holder> {
        self.slots.loans().map(|loan| holder(loan, now)).collect()
    }

    /// Every worker was taken by this caller, who may have given them to others meanwhile.
    pub(super) fn all_taken_by(&self, caller: Caller) -> bool {
        let size = self.slots.size();
        size > 0 && self.slots.tally().on_loan >= size && self.slots.loans().all(|loan| loan.asker.caller == caller)
    }

    /// Nor is any of them with a call that gives it back by itself, as those of a pool that is used as a connection:
    /// this caller has them all, and waits.
    pub(super) fn waits_for_itself(&self, caller: Caller) -> bool {
        self.all_taken_by(caller) && self.slots.loans().all(|loan| loan.asker.purpose.is_none())
    }

    /// A request begins to wait: remembers it if its own caller seems to keep it waiting, unless another is remembered. The
    /// waker is the keeper's, who looks again later.
    pub(super) fn suspect(&mut self, ticket: u64, asker: &Asker, now: Instant) -> Option<Waker> {
        if self.suspect.is_some() || !self.waits_for_itself(asker.caller) {
            return None;
        }
        self.suspect = Some((ticket, now));
        match &self.keeper {
            Keeper::Present(waker) => waker.clone(),
            Keeper::Gone => None,
        }
    }

    /// When to look again whether somebody waits for himself.
    pub(super) fn suspect_since(&self) -> Option<Instant> {
        self.suspect.map(|(_, since)| since)
    }

    /// Looks again at the one who was suspected, and at another next time: who it is, if no worker has come back since.
    pub(super) fn judge(&mut self, now: Instant) -> Option<Asker> {
        let (ticket, since) = self.suspect.take()?;
        let waits = self.line.asker(ticket).filter(|asker| self.waits_for_itself(asker.caller)).cloned();
        if waits.is_some() && self.slots.loans().all(|loan| loan.since <= since) {
            return waits;
        }
        let next = self.line.first_queued().filter(|(_, asker)| self.waits_for_itself(asker.caller));
        self.suspect = next.map(|(ticket, _)| (ticket, now));
        None
    }
}

/// Whom to wake when the books are closed. Mostly one, for whom nothing is allocated.
#[derive(Default)]
pub(super) struct Calls {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Calls {
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        if self.first.is_none() {
            self.first = waker;
        } else {
            self.more.extend(waker);
        }
    }

    pub(super) fn extend(&mut self, wakers: Vec<Waker>) {
        self.more.extend(wakers);
    }

    /// Wakes them, outside any lock.
    pub(super) fn make(self) {
        if self.first.is_some() {
            wake(self.first);
        }
        if !self.more.is_empty() {
            wake(self.more);
        }
    }
}

/// A loan as people read it.
pub(super) fn holder(loan: &Loan, now: Instant) -> Holder {
    Holder {
        worker: loan.worker,
        place: loan.asker.place,
        purpose: loan.asker.purpose.clone(),
        task: loan.asker.caller.task(),
        held: now.saturating_duration_since(loan.since),
    }
}
