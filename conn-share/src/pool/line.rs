//! The line of requests that wait: who came first, who is next, who has what.
//!
//! A place knows three things in turn: that it waits for a permit, that it has one and waits for a worker to be made
//! ready, that a worker was handed to it. Permits and workers are given in order of arrival, and are kept here until the
//! request comes for them, so that one that was told but has not run yet is not overtaken by one that runs earlier.

use std::collections::VecDeque;
use std::task::Waker;

use super::deadlines::Deadlines;
use super::slots::{Asker, Worker};
use super::sync::Instant;

/// A worker that was handed to a waiting request, and its slot.
pub(super) type Handed<C> = (usize, Box<Worker<C>>);

/// What a request has so far.
#[derive(Debug)]
enum Turn<C> {
    /// It waits for a permit.
    Queued,
    /// It has its permit, and waits for a worker to be made ready.
    Front,
    /// It has its permit and a worker; `None`: it has come for it, and looks at it.
    Served(Option<Handed<C>>),
    /// It left; kept until it is the first, so that the places behind it stay where their tickets say.
    Gone,
}

/// One waiting request.
#[derive(Debug)]
struct Place<C> {
    ticket: u64,
    asker: Asker,
    turn: Turn<C>,
    /// Until when it waits, as long as nobody told it that the time has come.
    deadline: Option<Instant>,
    /// Whom to tell; `None` once told, until it comes.
    waker: Option<Waker>,
}

impl<C> Place<C> {
    fn is_front(&self) -> bool {
        matches!(self.turn, Turn::Front)
    }

    fn is_gone(&self) -> bool {
        matches!(self.turn, Turn::Gone)
    }

    fn register(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.waker {
            Some(known) if known.will_wake(waker) => None,
            _ => self.waker.replace(waker.clone()),
        }
    }
}

/// What a request leaves behind that left the line.
pub(super) struct Left<C> {
    /// To be dropped outside any lock.
    pub(super) waker: Option<Waker>,
    pub(super) had_permit: bool,
    pub(super) handed: Option<Handed<C>>,
}

/// All waiting requests, in order of arrival.
#[derive(Debug)]
pub(super) struct Line<C> {
    /// The last one, if there is any, has the last ticket.
    places: VecDeque<Place<C>>,
    deadlines: Deadlines,
    next_ticket: u64,
    /// Nobody with a smaller ticket waits for a permit.
    queued_from: u64,
    queued: usize,
    fronts: usize,
    served: usize,
}

impl<C> Line<C> {
    pub(super) fn new() -> Self {
        let (places, deadlines) = (VecDeque::new(), Deadlines::new());
        Self { places, deadlines, next_ticket: 0, queued_from: 0, queued: 0, fronts: 0, served: 0 }
    }

    /// How many wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.queued + self.fronts
    }

    /// How many of them have no permit yet.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// How many of them have their permit.
    pub(super) fn fronts(&self) -> usize {
        self.fronts
    }

    /// Joins the line at its end, with a permit or without; returns the ticket, which is never 0.
    pub(super) fn join(&mut self, asker: Asker, permit: bool) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        let turn = if permit { Turn::Front } else { Turn::Queued };
        *if permit { &mut self.fronts } else { &mut self.queued } += 1;
        self.places.push_back(Place { ticket, asker, turn, deadline: None, waker: None });
        ticket
    }

    /// Remembers whom to wake; returns the former waker, to be dropped outside any lock.
    pub(super) fn register(&mut self, ticket: u64, waker: &Waker) -> Option<Waker> {
        self.find(ticket)?.register(waker)
    }

    /// The same, and when at the latest. `None`: it sees to that itself.
    pub(super) fn register_until(&mut self, ticket: u64, waker: &Waker, deadline: Option<Instant>) -> Option<Waker> {
        let place = find(&mut self.places, self.next_ticket, ticket)?;
        let former = std::mem::replace(&mut place.deadline, deadline);
        if let (Some(deadline), None) = (deadline, former) {
            self.deadlines.enter(ticket, deadline);
        }
        place.register(waker)
    }

    /// Whether the request has its permit, and no worker yet.
    pub(super) fn is_front(&mut self, ticket: u64) -> bool {
        self.find(ticket).is_some_and(|place| place.is_front())
    }

    /// Who waits with this ticket.
    pub(super) fn asker(&self, ticket: u64) -> Option<&Asker> {
        let place = &self.places[at(&self.places, self.next_ticket, ticket)?];
        matches!(place.turn, Turn::Queued | Turn::Front).then_some(&place.asker)
    }

    /// The first who waits for a permit.
    pub(super) fn first_queued(&self) -> Option<(u64, &Asker)> {
        let place = self.places.iter().find(|place| matches!(place.turn, Turn::Queued))?;
        Some((place.ticket, &place.asker))
    }

    /// Gives a permit to the first who has none: `None` if nobody waits for one, otherwise its waker.
    pub(super) fn promote(&mut self) -> Option<Option<Waker>> {
        let place = self.next_queued()?;
        place.turn = Turn::Front;
        let waker = place.waker.take();
        self.queued -= 1;
        self.fronts += 1;
        Some(waker)
    }

    /// Gives the first who has no permit one, and what `lend` has for it: for the case that nobody has a permit and waits.
    pub(super) fn serve(&mut self, lend: impl FnOnce(&Asker) -> Handed<C>) -> Option<Waker> {
        debug_assert_eq!(self.fronts, 0, "they came earlier");
        let place = self.next_queued()?;
        place.turn = Turn::Served(Some(lend(&place.asker)));
        let waker = place.waker.take();
        self.queued -= 1;
        self.served += 1;
        waker
    }

    /// The first who waits for a permit.
    fn next_queued(&mut self) -> Option<&mut Place<C>> {
        if self.queued == 0 {
            return None;
        }
        // Permits are given in order of arrival, so that all in front of the one who had the last have theirs.
        let from = match at(&self.places, self.next_ticket, self.queued_from) {
            Some(at) => at,
            None => self.places.partition_point(|place| place.ticket < self.queued_from),
        };
        let place = self.places.range_mut(from..).find(|place| matches!(place.turn, Turn::Queued))?;
        self.queued_from = place.ticket + 1;
        Some(place)
    }

    /// Hands the next in line what `lend` has for it; returns its waker. `None`: nobody waits for a worker.
    pub(super) fn hand(&mut self, lend: impl FnOnce(&Asker) -> Option<Handed<C>>) -> Option<Option<Waker>> {
        if self.fronts == 0 {
            return None;
        }
        let place = self.places.iter_mut().find(|place| place.is_front())?;
        place.turn = Turn::Served(Some(lend(&place.asker)?));
        self.fronts -= 1;
        self.served += 1;
        Some(place.waker.take())
    }

    /// Comes for what was handed, to look at it; the place is kept.
    pub(super) fn collect(&mut self, ticket: u64) -> Option<Handed<C>> {
        if self.served == 0 {
            return None;
        }
        match &mut self.find(ticket)?.turn {
            Turn::Served(handed) => handed.take(),
            _ => None,
        }
    }

    /// What was handed was not fit: it waits for another, in the same place.
    pub(super) fn send_back(&mut self, ticket: u64) {
        if let Some(place) = self.find(ticket)
            && matches!(place.turn, Turn::Served(None))
        {
            place.turn = Turn::Front;
            self.served -= 1;
            self.fronts += 1;
        }
    }

    /// Takes back whatever was handed and not collected.
    pub(super) fn recall(&mut self) -> Vec<Handed<C>> {
        let mut recalled = Vec::new();
        for place in &mut self.places {
            if let Turn::Served(handed @ Some(_)) = &mut place.turn {
                recalled.extend(handed.take());
                place.turn = Turn::Front;
            }
        }
        self.served -= recalled.len();
        self.fronts += recalled.len();
        recalled
    }

    /// Leaves the line.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Left<C>> {
        let place = self.find(ticket)?;
        place.deadline = None;
        let waker = place.waker.take();
        let (had_permit, handed) = match std::mem::replace(&mut place.turn, Turn::Gone) {
            Turn::Served(handed) => {
                self.served -= 1;
                (true, handed)
            }
            Turn::Front => {
                self.fronts -= 1;
                (true, None)
            }
            Turn::Queued => {
                self.queued -= 1;
                (false, None)
            }
            Turn::Gone => unreachable!("those are not found"),
        };
        self.sweep();
        Some(Left { waker, had_permit, handed })
    }

    /// Takes what was handed and leaves, in one step, if it is `fit`; with the waker, to be dropped outside any lock.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        ticket: u64,
        fit: impl FnOnce(&Worker<C>) -> bool,
    ) -> Option<(Handed<C>, Option<Waker>)> {
        if self.served == 0 {
            return None;
        }
        let place = self.find(ticket)?;
        let Turn::Served(served) = &mut place.turn else { return None };
        let handed = served.take_if(|(_, worker)| fit(worker))?;
        place.turn = Turn::Gone;
        place.deadline = None;
        let waker = place.waker.take();
        self.served -= 1;
        self.sweep();
        Some((handed, waker))
    }

    /// Forgets places of those who left.
    fn sweep(&mut self) {
        while self.places.front().is_some_and(Place::is_gone) {
            self.places.pop_front();
        }
        // Many that gave up behind one that did not: keep what is remembered in proportion to who waits.
        if self.places.len() > 2 * (self.queued + self.fronts + self.served) + 64 {
            self.places.retain(|place| !place.is_gone() || place.ticket == self.next_ticket);
        }
    }

    /// The first who waits for a worker with a permit and can be woken.
    pub(super) fn first_front(&self) -> Option<Waker> {
        if self.fronts == 0 {
            return None;
        }
        self.places.iter().filter(|place| place.is_front()).find_map(|place| place.waker.clone())
    }

    /// All who wait for a worker with a permit.
    pub(super) fn all_fronts(&self, wakers: &mut Vec<Waker>) {
        if self.fronts > 0 {
            let fronts = self.places.iter().filter(|place| place.is_front());
            wakers.extend(fronts.filter_map(|place| place.waker.clone()));
        }
    }

    /// Everybody's, to be told that the pool closes.
    pub(super) fn everybody(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(|place| place.waker.take()).collect()
    }

    /// No deadline in the line is earlier.
    pub(super) fn earliest_deadline(&mut self) -> Option<Instant> {
        let (places, last) = (&self.places, self.next_ticket);
        self.deadlines.earliest(|ticket| has_deadline(places, last, ticket))
    }

    /// Those whose deadline is `limit` or earlier, and one more with a deadline, who sees to the next alarm. A deadline
    /// that was told of is forgotten here: one who is told and does not come must not be what the next alarm is set to.
    /// Nor is one who was told asked again to see to an alarm. Whoever comes enters both again.
    pub(super) fn expired(&mut self, limit: Instant) -> Vec<Waker> {
        self.sort_deadlines(Some(limit));
        let mut wakers = Vec::new();
        while let Some(ticket) = self.deadlines.take_due(limit) {
            if let Some(place) = find(&mut self.places, self.next_ticket, ticket)
                && place.deadline.take().is_some()
            {
                wakers.extend(place.waker.take());
            }
        }
        wakers.extend(self.next_timed());
        wakers
    }

    /// Somebody who waits with a deadline, and was not told anything since he last came.
    pub(super) fn next_timed(&mut self) -> Option<Waker> {
        self.sort_deadlines(None);
        let Self { places, deadlines, next_ticket, .. } = self;
        let mut timed = deadlines.in_order().filter_map(|ticket| at(places, *next_ticket, ticket));
        let next = timed.find(|&at| places[at].deadline.is_some() && places[at].waker.is_some())?;
        places[next].waker.take()
    }

    fn sort_deadlines(&mut self, limit: Option<Instant>) {
        let Some(from) = self.deadlines.unsorted(limit) else { return };
        let (places, last) = (&self.places, self.next_ticket);
        let others = places.range(places.partition_point(|place| place.ticket < from)..);
        let others = others.filter_map(|place| place.deadline.map(|deadline| (deadline, place.ticket)));
        self.deadlines.sort(others, last, |ticket| has_deadline(places, last, ticket));
    }

    /// All who wait with a deadline, to set the alarm anew.
    pub(super) fn all_timed(&mut self, wakers: &mut Vec<Waker>) {
        let timed = self.places.iter_mut().filter(|place| place.deadline.is_some());
        wakers.extend(timed.filter_map(|place| place.waker.take()));
    }

    fn find(&mut self, ticket: u64) -> Option<&mut Place<C>> {
        find(&mut self.places, self.next_ticket, ticket)
    }
}

fn find<C>(places: &mut VecDeque<Place<C>>, last: u64, ticket: u64) -> Option<&mut Place<C>> {
    let at = at(places, last, ticket)?;
    places.get_mut(at)
}

/// Where the place with this ticket is, unless its request left.
fn at<C>(places: &VecDeque<Place<C>>, last: u64, ticket: u64) -> Option<usize> {
    // Tickets are counted up, so it is as far from the end as its ticket from the last one, unless some were swept out that
    // came later. No other place is looked at, as another thread may have it in its cache.
    let behind = usize::try_from(last.checked_sub(ticket)?).ok()?;
    let guess = places.len().checked_sub(1).and_then(|end| end.checked_sub(behind));
    let at = match guess {
        Some(at) if places[at].ticket == ticket => at,
        _ => places.binary_search_by_key(&ticket, |place| place.ticket).ok()?,
    };
    (!places[at].is_gone()).then_some(at)
}

fn has_deadline<C>(places: &VecDeque<Place<C>>, last: u64, ticket: u64) -> bool {
    at(places, last, ticket).is_some_and(|at| places[at].deadline.is_some())
}
