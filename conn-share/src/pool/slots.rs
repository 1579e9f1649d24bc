//! What every worker slot is doing: one plain value, no clock, no await.
//!
//! A slot is a place for one connection. Whatever happens to it goes through [`Slots::shift`], which keeps the tallies
//! and the stacks of idle and vacant slots true.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;

use super::caller::Caller;
use super::sync::Instant;

/// A live connection and what the pool remembers of it. Boxed once, when connected, so that lending it moves a pointer.
#[derive(Debug)]
pub(super) struct Worker<C> {
    pub(super) id: u64,
    pub(super) connection: C,
    /// When it must be replaced, jitter included.
    pub(super) expires: Option<Instant>,
    /// When it was last known to work: connected, checked or given back.
    pub(super) proven: Instant,
    /// Connected or checked, and not used since.
    pub(super) fresh: bool,
}

/// Who asks for a worker, as the pool tells those who wait for it.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) place: &'static Location<'static>,
    /// What for, where that says more than the place.
    pub(super) purpose: Option<Arc<str>>,
    pub(super) caller: Caller,
}

/// Who has a worker.
#[derive(Clone, Debug)]
pub(super) struct Loan {
    pub(super) worker: u64,
    pub(super) asker: Asker,
    pub(super) since: Instant,
    /// Its length was reported already.
    pub(super) reported: bool,
}

/// What a worker needs before a request may see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) recover: bool,
    pub(super) reset: bool,
    pub(super) check: bool,
}

/// What must be done with a worker that is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Put it in order.
    Tend(Needs),
    /// Disconnect it.
    Close,
}

/// What is being done in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Connecting,
    Recovering,
    Resetting,
    Checking,
    Closing,
}

/// One slot.
#[derive(Debug)]
pub(super) enum Slot<C> {
    /// Beyond the pool's size: no connection may be opened here.
    Unused,
    /// No connection; `heal`: one should be opened without being asked.
    Vacant { heal: bool },
    /// A worker that a request may have.
    Idle(Box<Worker<C>>),
    /// A worker that nobody is looking after yet.
    Ailing(Box<Worker<C>>, Remedy),
    /// A job has the worker, or is opening one.
    Busy(Work),
    /// A request has the worker of this number.
    OnLoan(u64),
}

impl<C> Slot<C> {
    /// A connection is in it, or with a job.
    pub(super) fn has_worker(&self) -> bool {
        match self {
            Self::Idle(_) | Self::Ailing(..) => true,
            Self::Busy(work) => *work != Work::Connecting,
            Self::Unused | Self::Vacant { .. } | Self::OnLoan(_) => false,
        }
    }
}

/// How many slots are doing what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) unused: usize,
    pub(super) vacant: usize,
    /// Vacant and to be filled without being asked.
    pub(super) to_heal: usize,
    pub(super) idle: usize,
    /// Waiting to be put in order.
    pub(super) to_tend: usize,
    /// Waiting to be disconnected.
    pub(super) to_close: usize,
    pub(super) connecting: usize,
    /// Being recovered, reset or checked.
    pub(super) tended: usize,
    pub(super) closing: usize,
    pub(super) on_loan: usize,
}

impl Tally {
    /// Slots that will hold a ready worker when all goes well.
    pub(super) fn producing(&self) -> usize {
        self.connecting + self.tended
    }

    /// Connections that exist, are being opened or being closed.
    pub(super) fn connections(&self) -> usize {
        self.idle + self.to_tend + self.to_close + self.connecting + self.tended + self.closing + self.on_loan
    }

    #[inline(always)]
    fn count<C>(&mut self, slot: &Slot<C>, change: impl Fn(&mut usize)) {
        match slot {
            Slot::Unused => change(&mut self.unused),
            Slot::Vacant { heal } => {
                change(&mut self.vacant);
                if *heal {
                    change(&mut self.to_heal);
                }
            }
            Slot::Idle(_) => change(&mut self.idle),
            Slot::Ailing(_, Remedy::Tend(_)) => change(&mut self.to_tend),
            Slot::Ailing(_, Remedy::Close) => change(&mut self.to_close),
            Slot::Busy(Work::Connecting) => change(&mut self.connecting),
            Slot::Busy(Work::Closing) => change(&mut self.closing),
            Slot::Busy(Work::Recovering | Work::Resetting | Work::Checking) => change(&mut self.tended),
            Slot::OnLoan(_) => change(&mut self.on_loan),
        }
    }
}

/// All slots of a pool.
#[derive(Debug)]
pub(super) struct Slots<C> {
    slots: Vec<Slot<C>>,
    /// The loan that each slot is on, or was on last. Beside the slots, since moving a slot moves all that is in it.
    loans: Vec<Option<Loan>>,
    /// How many connections there may be.
    size: usize,
    tally: Tally,
    /// Idle slots, the one used last on top: exactly those, so that taking one is a pop.
    idle: Vec<usize>,
    /// At least all vacant, ailing and unused slots; an entry that no longer holds is skipped.
    vacant: Vec<usize>,
    ailing: VecDeque<usize>,
    unused: Vec<usize>,
}

impl<C> Slots<C> {
    /// `size` vacant slots.
    pub(super) fn new(size: usize, heal: bool) -> Self {
        let mut slots = Self {
            slots: Vec::new(),
            loans: Vec::new(),
            size: 0,
            tally: Tally::default(),
            idle: Vec::with_capacity(size),
            vacant: Vec::new(),
            ailing: VecDeque::new(),
            unused: Vec::new(),
        };
        slots.resize(size, heal);
        slots
    }

    /// How many slots there should be.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How many slots are doing what.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The one function that moves a slot: puts `to` there and returns what was there before.
    // Inlined, so that what is known of `to` and of what was there costs nothing on the way of every request.
    #[inline(always)]
    pub(super) fn shift(&mut self, at: usize, to: Slot<C>) -> Slot<C> {
        match &to {
            Slot::Idle(_) => self.idle.push(at),
            Slot::Vacant { .. } => self.vacant.push(at),
            Slot::Ailing(..) => self.ailing.push_back(at),
            Slot::Unused => self.unused.push(at),
            Slot::Busy(_) | Slot::OnLoan(_) => {}
        }
        self.tally.count(&to, |n| *n += 1);
        let from = std::mem::replace(&mut self.slots[at], to);
        self.tally.count(&from, |n| *n -= 1);
        debug_assert!(
            !matches!(from, Slot::Idle(_)) || !self.idle.contains(&at),
            "an idle slot left without its stack"
        );
        from
    }

    /// Lends the worker that was used last.
    #[inline(always)]
    pub(super) fn lend(&mut self, asker: &Asker, now: Instant) -> Option<(usize, Box<Worker<C>>)> {
        let at = self.idle.pop()?;
        let Slot::Idle(worker) = &self.slots[at] else { unreachable!("the stack of idle slots holds idle slots") };
        let number = worker.id;
        self.note_loan(at, number, asker, now);
        match self.shift(at, Slot::OnLoan(number)) {
            Slot::Idle(worker) => Some((at, worker)),
            _ => unreachable!("looked at above"),
        }
    }

    /// Takes back a worker that was on loan: ready, or in need of `remedy`. `Err` gives it back to the caller when the
    /// pool has given that loan up.
    pub(super) fn take_back(
        &mut self,
        at: usize,
        worker: Box<Worker<C>>,
        remedy: Option<Remedy>,
    ) -> Result<(), Box<Worker<C>>> {
        match self.slots.get(at) {
            Some(Slot::OnLoan(number)) if *number == worker.id => {}
            _ => return Err(worker),
        }
        let remedy = if self.is_worker_surplus() { Some(Remedy::Close) } else { remedy };
        let slot = match remedy {
            None => Slot::Idle(worker),
            Some(remedy) => Slot::Ailing(worker, remedy),
        };
        self.shift(at, slot);
        Ok(())
    }

    /// A worker that is on loan may go on to somebody else as it is: nothing else is to be done, or could be lent.
    #[inline]
    pub(super) fn may_go_on(&self, at: usize, worker: &Worker<C>) -> bool {
        let on_loan = matches!(self.slots.get(at), Some(Slot::OnLoan(number)) if *number == worker.id);
        on_loan && self.tally.idle + self.tally.to_close + self.tally.to_tend == 0 && !self.is_worker_surplus()
    }

    /// Lends a worker that [may go on](Self::may_go_on).
    pub(super) fn lend_on(&mut self, at: usize, worker: &Worker<C>, asker: &Asker, now: Instant) {
        self.note_loan(at, worker.id, asker, now);
    }

    #[inline(always)]
    fn note_loan(&mut self, at: usize, number: u64, asker: &Asker, now: Instant) {
        let loan = &mut self.loans[at];
        // Field by field where it stands: a record that is put together elsewhere and moved waits for its own stores.
        if let Some(loan) = loan {
            loan.worker = number;
            loan.asker.place = asker.place;
            loan.asker.purpose.clone_from(&asker.purpose);
            loan.asker.caller = asker.caller;
            loan.since = now;
            loan.reported = false;
        } else {
            *loan = Some(Loan { worker: number, asker: asker.clone(), since: now, reported: false });
        }
    }

    /// The loan ends without its worker, who belongs to the caller now or is gone.
    pub(super) fn end_loan(&mut self, at: usize, worker: u64, heal: bool) {
        if matches!(self.slots.get(at), Some(Slot::OnLoan(number)) if *number == worker) {
            self.vacate(at, heal);
        }
    }

    /// A job, or a loan, has left no connection in this slot.
    pub(super) fn vacate(&mut self, at: usize, heal: bool) {
        if matches!(self.slots.get(at), Some(Slot::Busy(_) | Slot::OnLoan(_))) {
            let to = if self.is_surplus() { Slot::Unused } else { Slot::Vacant { heal } };
            self.shift(at, to);
        }
    }

    /// A job has made its worker ready. `Err` gives it back when the pool has given that job up.
    pub(super) fn settle(&mut self, at: usize, worker: Box<Worker<C>>) -> Result<(), Box<Worker<C>>> {
        if !self.is_busy(at) {
            return Err(worker);
        }
        let slot = if self.is_worker_surplus() { Slot::Ailing(worker, Remedy::Close) } else { Slot::Idle(worker) };
        self.shift(at, slot);
        Ok(())
    }

    /// A job found that its worker needs more. `Err` gives it back when the pool has given that job up.
    pub(super) fn set_aside(
        &mut self,
        at: usize,
        worker: Box<Worker<C>>,
        remedy: Remedy,
    ) -> Result<(), Box<Worker<C>>> {
        if !self.is_busy(at) {
            return Err(worker);
        }
        self.shift(at, Slot::Ailing(worker, remedy));
        Ok(())
    }

    /// Takes an ailing worker to look after, the one that waits longest; of those to be disconnected only, if so asked.
    pub(super) fn next_ailing(&mut self, only_close: bool) -> Option<(usize, Box<Worker<C>>, Remedy)> {
        let mut left = self.ailing.len();
        while left > 0 {
            left -= 1;
            let at = self.ailing.pop_front()?;
            let work = match self.slots[at] {
                Slot::Ailing(_, Remedy::Close) => Work::Closing,
                Slot::Ailing(_, Remedy::Tend(_)) if only_close => {
                    self.ailing.push_back(at);
                    continue;
                }
                Slot::Ailing(_, Remedy::Tend(needs)) if needs.recover => Work::Recovering,
                Slot::Ailing(_, Remedy::Tend(needs)) if needs.reset => Work::Resetting,
                Slot::Ailing(_, Remedy::Tend(_)) => Work::Checking,
                _ => continue,
            };
            if let Slot::Ailing(worker, remedy) = self.shift(at, Slot::Busy(work)) {
                return Some((at, worker, remedy));
            }
        }
        None
    }

    /// Takes a vacant slot to connect in.
    pub(super) fn next_vacant(&mut self) -> Option<usize> {
        while let Some(at) = self.vacant.pop() {
            if matches!(self.slots[at], Slot::Vacant { .. }) {
                self.shift(at, Slot::Busy(Work::Connecting));
                return Some(at);
            }
        }
        None
    }

    /// Wants a vacant slot filled without being asked, unless one will be in any case.
    pub(super) fn heal_one(&mut self) {
        if self.tally.to_heal + self.tally.connecting > 0 {
            return;
        }
        while let Some(&at) = self.vacant.last() {
            if let Slot::Vacant { heal } = &mut self.slots[at] {
                self.tally.to_heal += usize::from(!std::mem::replace(heal, true));
                return;
            }
            self.vacant.pop();
        }
    }

    /// When the first of the idle workers is past its time.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let idle = self.idle.iter().map(|&at| &self.slots[at]);
        idle.filter_map(|slot| if let Slot::Idle(worker) = slot { worker.expires } else { None }).min()
    }

    /// Changes the wanted number of slots. Idle surplus is marked to be closed; the rest follows as it comes back.
    pub(super) fn resize(&mut self, size: usize, heal: bool) {
        self.size = size;
        while self.in_use() < size {
            match self.unused.pop() {
                Some(at) if matches!(self.slots[at], Slot::Unused) => {
                    self.shift(at, Slot::Vacant { heal });
                }
                Some(_) => {}
                None => {
                    self.slots.push(Slot::Unused);
                    self.loans.push(None);
                    self.tally.unused += 1;
                    self.shift(self.slots.len() - 1, Slot::Vacant { heal });
                }
            }
        }
        while self.is_surplus() {
            let Some(at) = self.vacant.pop() else { break };
            if matches!(self.slots[at], Slot::Vacant { .. }) {
                self.shift(at, Slot::Unused);
            }
        }
        // Connections being closed free their slots by themselves; loans and jobs are met when they end.
        let surplus = self.workers_kept().saturating_sub(size).min(self.idle.len());
        for at in self.idle.drain(..surplus).collect::<Vec<_>>() {
            self.sideline(at, Remedy::Close);
        }
    }

    /// A worker that was idle, and was taken from the stack of those, is to be looked after.
    fn sideline(&mut self, at: usize, remedy: Remedy) {
        match self.shift(at, Slot::Busy(Work::Closing)) {
            Slot::Idle(worker) => drop(self.shift(at, Slot::Ailing(worker, remedy))),
            _ => unreachable!("the stack of idle slots holds idle slots"),
        }
    }

    /// Takes the idle workers that were used least recently, at most `most`, to be looked at.
    pub(super) fn take_rested(&mut self, most: usize) -> Vec<(usize, Box<Worker<C>>)> {
        let rested: Vec<usize> = self.idle.drain(..most.min(self.idle.len())).collect();
        let mut taken = Vec::with_capacity(rested.len());
        for at in rested {
            match self.shift(at, Slot::Busy(Work::Checking)) {
                Slot::Idle(worker) => taken.push((at, worker)),
                _ => unreachable!("the stack of idle slots holds idle slots"),
            }
        }
        taken
    }

    /// Takes idle workers that are past their time out of the line of those to be lent.
    pub(super) fn retire(&mut self, is_over: impl Fn(&Worker<C>) -> bool) {
        let Self { slots, idle, .. } = self;
        let is_over = |at: &mut usize| matches!(&slots[*at], Slot::Idle(worker) if is_over(worker));
        for at in idle.extract_if(.., is_over).collect::<Vec<_>>() {
            self.sideline(at, Remedy::Close);
        }
    }

    /// What a job in this slot is doing now.
    pub(super) fn note(&mut self, at: usize, work: Work) {
        if self.is_busy(at) {
            self.shift(at, Slot::Busy(work));
        }
    }

    /// Gives up every loan and every worker; returns the loans and what must be dropped outside any lock.
    pub(super) fn abandon(&mut self) -> (Vec<Loan>, Vec<Slot<C>>) {
        let mut loans = Vec::new();
        let mut rest = Vec::new();
        self.idle.clear();
        for at in 0..self.slots.len() {
            match self.shift(at, Slot::Unused) {
                Slot::OnLoan(_) => loans.extend(self.loans[at].take()),
                other => rest.push(other),
            }
        }
        (loans, rest)
    }

    /// Every slot.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<C>> {
        self.slots.iter()
    }

    /// Every loan.
    pub(super) fn loans(&self) -> impl Iterator<Item = &Loan> {
        let slots = self.slots.iter().zip(&self.loans);
        slots.filter(|(slot, _)| matches!(slot, Slot::OnLoan(_))).filter_map(|(_, loan)| loan.as_ref())
    }

    /// Every loan, to be marked as reported.
    pub(super) fn loans_mut(&mut self) -> impl Iterator<Item = &mut Loan> {
        let slots = self.slots.iter().zip(&mut self.loans);
        slots.filter(|(slot, _)| matches!(slot, Slot::OnLoan(_))).filter_map(|(_, loan)| loan.as_mut())
    }

    /// A job has the worker of this slot.
    pub(super) fn has_worker_out(&self, at: usize) -> bool {
        self.is_busy(at) && self.slots[at].has_worker()
    }

    fn is_busy(&self, at: usize) -> bool {
        matches!(self.slots.get(at), Some(Slot::Busy(_)))
    }

    /// Slots that are not [`Slot::Unused`].
    fn in_use(&self) -> usize {
        self.slots.len() - self.tally.unused
    }

    /// One slot more than wanted: an empty one may go.
    fn is_surplus(&self) -> bool {
        self.in_use() > self.size
    }

    /// One slot more than wanted besides those that are on their way out: a worker must go.
    fn is_worker_surplus(&self) -> bool {
        self.workers_kept() > self.size
    }

    /// Slots in use that are not on their way out.
    fn workers_kept(&self) -> usize {
        self.in_use() - self.tally.to_close - self.tally.closing
    }
}
