//! The line of requests that wait: who came first, who is next.
//!
//! The semaphore decides who may ask for a worker; the line remembers in which order they came, so that a request that
//! was let through but has not run yet is not overtaken by one that runs earlier.

use std::collections::VecDeque;
use std::task::Waker;

use super::sync::Instant;

/// One waiting request.
#[derive(Debug)]
struct Place {
    ticket: u64,
    /// The request has its permit and waits for a worker to be made ready.
    at_front: bool,
    deadline: Option<Instant>,
    waker: Option<Waker>,
    /// Left the line; kept until it reaches an end of it.
    gone: bool,
}

/// All waiting requests, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: VecDeque<Place>,
    next_ticket: u64,
    live: usize,
    fronts: usize,
}

impl Line {
    /// Takes the next ticket.
    pub(super) fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// How many of them have their permit.
    pub(super) fn fronts(&self) -> usize {
        self.fronts
    }

    /// Joins the line at the place of `ticket`.
    pub(super) fn join(&mut self, ticket: u64, deadline: Option<Instant>) {
        let place = Place { ticket, at_front: false, deadline, waker: None, gone: false };
        // A ticket was mostly taken a moment ago, so the place is at the end.
        if self.places.back().is_none_or(|last| last.ticket < ticket) {
            self.places.push_back(place);
        } else {
            let at = self.places.partition_point(|other| other.ticket < ticket);
            self.places.insert(at, place);
        }
        self.live += 1;
    }

    /// Remembers whom to wake; returns the former waker, to be dropped outside any lock.
    pub(super) fn register(&mut self, ticket: u64, waker: &Waker) -> Option<Waker> {
        let place = self.find(ticket)?;
        match &place.waker {
            Some(known) if known.will_wake(waker) => None,
            _ => place.waker.replace(waker.clone()),
        }
    }

    /// The request has its permit.
    pub(super) fn advance(&mut self, ticket: u64) {
        if let Some(place) = self.find(ticket)
            && !std::mem::replace(&mut place.at_front, true)
        {
            self.fronts += 1;
        }
    }

    /// Leaves the line; returns the waker, to be dropped outside any lock.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        let place = self.find(ticket)?;
        place.gone = true;
        place.deadline = None;
        let (waker, at_front) = (place.waker.take(), place.at_front);
        self.live -= 1;
        self.fronts -= usize::from(at_front);
        while self.places.front().is_some_and(|place| place.gone) {
            self.places.pop_front();
        }
        while self.places.back().is_some_and(|place| place.gone) {
            self.places.pop_back();
        }
        // Many that gave up between two that did not: keep what is remembered in proportion to who waits.
        if self.places.len() > 2 * self.live + 64 {
            self.places.retain(|place| !place.gone);
        }
        waker
    }

    /// Whether fewer than `ready` requests wait in front of this one: one of `ready` workers is for it.
    pub(super) fn is_due(&self, ticket: u64, ready: usize) -> bool {
        if ready > self.live {
            return true;
        }
        let before = self.places.iter().take_while(|place| place.ticket < ticket).filter(|place| !place.gone);
        before.take(ready).count() < ready
    }

    /// The request that a change made due: the last of the first `ready`, if it waits for a worker.
    pub(super) fn due(&self, ready: usize) -> Option<Waker> {
        if self.fronts == 0 || ready == 0 {
            return None;
        }
        let place = self.places.iter().filter(|place| !place.gone).nth(ready - 1)?;
        if place.at_front { place.waker.clone() } else { None }
    }

    /// The first request that has its permit and can be woken.
    pub(super) fn first_front(&self) -> Option<Waker> {
        if self.fronts == 0 {
            return None;
        }
        self.places.iter().filter(|place| place.at_front).find_map(|place| place.waker.clone())
    }

    /// All that have their permits.
    pub(super) fn all_fronts(&self, wakers: &mut Vec<Waker>) {
        if self.fronts > 0 {
            wakers.extend(self.places.iter().filter(|place| place.at_front).filter_map(|place| place.waker.clone()));
        }
    }

    /// The earliest deadline in the line.
    pub(super) fn earliest_deadline(&self) -> Option<Instant> {
        self.places.iter().filter_map(|place| place.deadline).min()
    }

    /// Those whose deadline is `limit` or earlier, and one more with a deadline, who sees to the next alarm. A deadline
    /// that was told of is forgotten here: one who is told and does not come must not be what the next alarm is set to.
    pub(super) fn expired(&mut self, limit: Instant) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut successor = None;
        for place in &mut self.places {
            match (place.deadline, &place.waker) {
                (Some(deadline), Some(waker)) if deadline <= limit => {
                    wakers.push(waker.clone());
                    place.deadline = None;
                }
                (Some(_), Some(waker)) if successor.is_none() => successor = Some(waker.clone()),
                _ => {}
            }
        }
        wakers.extend(successor);
        wakers
    }

    /// Somebody who waits with a deadline.
    pub(super) fn first_timed(&self) -> Option<Waker> {
        self.places.iter().filter(|place| place.deadline.is_some()).find_map(|place| place.waker.clone())
    }

    fn find(&mut self, ticket: u64) -> Option<&mut Place> {
        let at = match self.places.front() {
            Some(first) if first.ticket == ticket => 0,
            _ => self.places.binary_search_by_key(&ticket, |place| place.ticket).ok()?,
        };
        self.places.get_mut(at).filter(|place| !place.gone)
    }
}
