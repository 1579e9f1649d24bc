//! Who waits for a lock, in which order: a plain value under a plain mutex.

use std::task::Waker;

use super::site::Site;

/// A waiter's place, as long as it waits.
pub(crate) type Place = u32;

/// A waiting chain's number; never 0, never used twice.
pub(crate) type Ticket = u64;

const NOWHERE: u32 = u32::MAX;

/// The waiters of one lock and what else is rare enough to stand under a mutex.
#[derive(Default)]
pub(crate) struct Queue {
    nodes: Vec<Node>,
    free: Vec<Place>,
    /// Chains that wait for the lock, first come first served.
    front: Option<Place>,
    back: Option<Place>,
    length: usize,
    /// Sections of the holding chain that wait for their turn beside a sibling, in order of arrival, each with the
    /// depth of its parent.
    siblings: Vec<(Place, u32)>,
    /// Depths of sections that have ended while a child of theirs lives on.
    orphaned: Vec<u32>,
    tickets: Ticket,
    /// The holding that a waiter saw last, and when it saw it first.
    pub(crate) seen: Seen,
    /// The turn that a sibling has: counted while siblings wait, so that one can tell whether it is still the same.
    pub(crate) turn: Seen,
    /// The ticket that was given the lock last, its site and when, as long as its task has not come for it.
    pub(crate) granted: Option<Granted>,
}

/// A holding of the lock, or a turn in it, by number, and since when it is known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) since: u64,
}

/// The lock was given to a waiter whose task has not come for it yet.
#[derive(Clone, Copy)]
pub(crate) struct Granted {
    pub(crate) site: &'static Site,
    pub(crate) at: u64,
}

/// One waiter.
pub(crate) struct Node {
    waker: Option<Waker>,
    pub(crate) site: &'static Site,
    pub(crate) ticket: Ticket,
    /// Milliseconds on the watchdog's clock.
    pub(crate) since: u64,
    /// One warning a wait.
    pub(crate) warned: bool,
    /// How deep its parent is, where it waits for its turn beside a sibling; 0 where it waits for the lock.
    pub(crate) parent: u32,
    prev: u32,
    next: u32,
}

impl Queue {
    /// How many wait, of both kinds.
    pub(crate) fn waiting(&self) -> usize {
        self.length + self.siblings.len()
    }

    /// Whether a chain waits for the lock.
    pub(crate) fn has_chains(&self) -> bool {
        self.front.is_some()
    }

    /// Whether a sibling waits for its turn.
    pub(crate) fn has_siblings(&self) -> bool {
        !self.siblings.is_empty()
    }

    /// Whether a section has left children behind.
    pub(crate) fn has_orphans(&self) -> bool {
        !self.orphaned.is_empty()
    }

    /// All who wait, in no particular order.
    pub(crate) fn waiters(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut().filter(|node| node.waker.is_some())
    }

    /// Appends a chain; returns its place and its ticket.
    pub(crate) fn push_chain(&mut self, waker: Waker, site: &'static Site, since: u64) -> (Place, Ticket) {
        let place = self.place(waker, site, since);
        if let Some(back) = self.back {
            self.nodes[back as usize].next = place;
            self.nodes[place as usize].prev = back;
        } else {
            self.front = Some(place);
        }
        self.back = Some(place);
        self.length += 1;
        (place, self.nodes[place as usize].ticket)
    }

    /// Takes the first chain off.
    pub(crate) fn pop_chain(&mut self) -> Option<(Ticket, &'static Site, Waker)> {
        let place = self.front?;
        let waker = self.unlink(place)?;
        let node = &self.nodes[place as usize];
        Some((node.ticket, node.site, waker))
    }

    /// Takes a chain off that waits no longer. Its waker is dropped by the caller, after the mutex is unlocked.
    #[must_use]
    pub(crate) fn remove_chain(&mut self, place: Place) -> Option<Waker> {
        self.unlink(place)
    }

    /// Appends a sibling that waits until its parent at `depth` is the innermost section again.
    pub(crate) fn push_sibling(&mut self, waker: Waker, site: &'static Site, since: u64, depth: u32) -> Place {
        let place = self.place(waker, site, since);
        self.nodes[place as usize].parent = depth;
        if self.siblings.is_empty() {
            self.next_turn(since);
        }
        self.siblings.push((place, depth));
        place
    }

    /// The turn that siblings wait for has changed hands, or is counted from now on.
    pub(crate) fn next_turn(&mut self, since: u64) {
        self.turn = Seen { number: self.turn.number.wrapping_add(1), since };
    }

    /// Whether no other sibling below `depth` came before this one (`None`: before a newcomer).
    pub(crate) fn is_first_sibling(&self, place: Option<Place>, depth: u32) -> bool {
        self.siblings.iter().find(|sibling| sibling.1 == depth).is_none_or(|first| Some(first.0) == place)
    }

    /// Takes a sibling off. Its waker is dropped by the caller, after the mutex is unlocked.
    #[must_use]
    pub(crate) fn remove_sibling(&mut self, place: Place) -> Option<Waker> {
        self.siblings.retain(|sibling| sibling.0 != place);
        self.release(place)
    }

    /// Takes the siblings out of line whose parents have ended, so that nobody stands behind them: whoever polls them
    /// next finds them another way in. `depth`: the innermost section that lives.
    pub(crate) fn dismiss_strays(&mut self, depth: u32) {
        self.siblings.retain(|sibling| sibling.1 <= depth);
    }

    /// Keeps a sibling's place in line; one that was dismissed stands at the end, below `depth`. Returns the old waker.
    #[must_use]
    pub(crate) fn stay_sibling(&mut self, place: Place, waker: &Waker, depth: u32) -> Option<Waker> {
        if !self.siblings.iter().any(|sibling| sibling.0 == place) {
            self.siblings.push((place, depth));
            self.nodes[place as usize].parent = depth;
        }
        self.update_waker(place, waker)
    }

    /// Whom to wake when the section at `depth` has become the innermost: its first waiting child, and all whose
    /// parent has ended, since they must find another way in.
    pub(crate) fn siblings_to_wake(&self, depth: u32) -> Vec<Waker> {
        let first = self.siblings.iter().find(|sibling| sibling.1 == depth);
        let stray = self.siblings.iter().filter(|sibling| sibling.1 > depth);
        first.into_iter().chain(stray).filter_map(|sibling| self.nodes[sibling.0 as usize].waker.clone()).collect()
    }

    /// Everybody's waker.
    pub(crate) fn all_wakers(&self) -> Vec<Waker> {
        self.nodes.iter().filter_map(|node| node.waker.clone()).collect()
    }

    /// The waiter is perhaps polled by another task now. The old waker is dropped by the caller, after the mutex is
    /// unlocked.
    #[must_use]
    pub(crate) fn update_waker(&mut self, place: Place, waker: &Waker) -> Option<Waker> {
        let current = self.nodes[place as usize].waker.as_mut().filter(|current| !current.will_wake(waker))?;
        Some(std::mem::replace(current, waker.clone()))
    }

    /// The section at `depth` has ended before its children.
    pub(crate) fn orphan(&mut self, depth: u32) {
        self.orphaned.push(depth);
    }

    /// Whether all sections above the one at `depth` have ended.
    pub(crate) fn is_outermost(&self, depth: u32) -> bool {
        (1..depth).all(|above| self.orphaned.contains(&above))
    }

    /// The nearest section at or above `depth` that is still alive; 0 for none.
    pub(crate) fn nearest_living(&mut self, mut depth: u32) -> u32 {
        while let Some(at) = self.orphaned.iter().position(|&orphaned| orphaned == depth) {
            self.orphaned.swap_remove(at);
            depth -= 1;
        }
        depth
    }

    fn place(&mut self, waker: Waker, site: &'static Site, since: u64) -> Place {
        self.tickets += 1;
        let node = Node {
            waker: Some(waker),
            site,
            ticket: self.tickets,
            since,
            warned: false,
            parent: 0,
            prev: NOWHERE,
            next: NOWHERE,
        };
        match self.free.pop() {
            Some(place) => {
                self.nodes[place as usize] = node;
                place
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).expect("fewer than four thousand million waiters")
            }
        }
    }

    fn unlink(&mut self, place: Place) -> Option<Waker> {
        let Node { prev, next, .. } = self.nodes[place as usize];
        match prev {
            NOWHERE => self.front = (next != NOWHERE).then_some(next),
            prev => self.nodes[prev as usize].next = next,
        }
        match next {
            NOWHERE => self.back = (prev != NOWHERE).then_some(prev),
            next => self.nodes[next as usize].prev = prev,
        }
        self.length -= 1;
        self.release(place)
    }

    fn release(&mut self, place: Place) -> Option<Waker> {
        self.free.push(place);
        self.nodes[place as usize].waker.take()
    }
}
