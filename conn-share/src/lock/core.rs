//! The lock itself: who is in, who is next, what happens when a section ends.
//!
//! Sections of one lock form a path, never a fork, so that a section is known by its *depth*: 1 for the one that took
//! the lock, 2 for a locked call inside it, and so on. `top` is the depth of the innermost; 0 when nobody is in. Only a
//! chain whose innermost section of this lock is at `top` may go deeper; siblings wait until `top` comes back.
//!
//! The free path reads one word (`attention`), takes the mutex and stores `top`; it touches no other shared memory.
//! Whatever is rare sets a bit and is dealt with under the mutex of the queue.
//!
//! # Hand-off
//!
//! Chains that find the lock taken stand in a queue of ours rather than in the mutex's own, so that they can be
//! counted, named, told that the lock was closed, and moved into a section that they turn out to belong to. The mutex
//! stays locked while there is somebody to hand it to. Two parties can miss each other: a waiter that has just queued,
//! and a holder that saw an empty queue and unlocks. Each does its own part first (queue; unlock), then a fence, then
//! looks at the other's (try to lock; look at the queue), so at least one of them sees the other.
//!
//! That is for the first in line. It has set a bit that stands until the line is empty, and every unlock that its look did
//! not see has its fence after the waiter's, and so sees the bit and comes for whoever is first then. Those that join
//! behind it need not look.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::graph;
use super::limits::Limits;
use super::loan::Loan;
use super::nested::Nested;
use super::queue::{Granted, Place, Queue, Seen, Ticket};
use super::raw::{self, Gate, StaticSlot};
use super::site::Site;
use super::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, MutexGuard, fence};
use super::{wake, watchdog};

/// Bits of `attention`; 0 means that the free path is open.
const QUEUED: u32 = 1;
const INTERRUPTED: u32 = 2;
const CLOSED: u32 = 4;

/// Bits of `top` above the depth.
const SIBLINGS: u32 = 1 << 30;
const ORPHANS: u32 = 1 << 31;
const DEPTH: u32 = SIBLINGS - 1;

/// The lock without its state.
pub(crate) struct Core {
    gate: Gate,
    top: AtomicU32,
    attention: AtomicU32,
    /// The ticket of the waiter that the lock was handed to, until it comes for it; 0 for none.
    granted: AtomicU64,
    loan: Loan,
    /// Counts holdings, so that a waiter can tell whether it is still the same one.
    holding: AtomicU64,
    /// Counts polls of the sections, so that the watchdog can tell one that nobody polls.
    polls: AtomicU32,
    /// The outermost section's method.
    holder: StaticSlot<Site>,
    /// The nested sections that went in last.
    nested: Nested,
    queue: Mutex<Queue>,
    /// Whether the watchdog has the lock on its list.
    pub(crate) watched: AtomicBool,
    pub(crate) limits: Limits,
}

/// How an attempt to go in, or to queue for it, ended.
pub(crate) enum Entry {
    Entered,
    Queued(Place, Ticket),
    Closed,
}

/// Why the state was not lent.
pub(crate) enum Lent {
    /// A section deeper in the call chain has it; the last one that went in, as far as known.
    Deeper(Option<&'static Site>),
    /// It was taken there.
    At(Option<&'static Location<'static>>),
}

impl Core {
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::new(),
            top: AtomicU32::new(0),
            attention: AtomicU32::new(0),
            granted: AtomicU64::new(0),
            loan: Loan::new(),
            holding: AtomicU64::new(0),
            polls: AtomicU32::new(0),
            holder: StaticSlot::empty(),
            nested: Nested::none(),
            queue: Mutex::new(Queue::default()),
            watched: AtomicBool::new(false),
            limits: Limits::new(),
        }
    }

    /// The key in the table of waits.
    pub(crate) fn key(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing under this mutex panics half-way through a change; a poisoned queue is a whole one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The depth of the innermost section; 0 when nobody is in.
    #[inline(always)]
    pub(crate) fn depth(&self) -> u32 {
        self.top.load(Ordering::Acquire) & DEPTH
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.attention.load(Ordering::Acquire) & INTERRUPTED != 0
    }

    pub(crate) fn set_interrupted(&self, interrupted: bool) {
        if interrupted {
            self.attention.fetch_or(INTERRUPTED, Ordering::AcqRel);
        } else {
            self.attention.fetch_and(!INTERRUPTED, Ordering::AcqRel);
        }
    }

    /// Whether something was marked since the free path last looked, other than a waiter.
    #[inline(always)]
    pub(crate) fn needs_attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed) & (INTERRUPTED | CLOSED) != 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.attention.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Refuses all further chains and tells those that wait. Sections that are in may finish.
    pub(crate) fn close(&self) {
        self.attention.fetch_or(CLOSED, Ordering::AcqRel);
        let wakers = self.queue().all_wakers();
        wake(wakers);
    }

    /// The outermost section's method, if somebody is in.
    pub(crate) fn holder(&self) -> Option<&'static Site> {
        if self.depth() == 0 && !self.loan.is_out() {
            return None;
        }
        self.holder.load()
    }

    /// The section one deeper than `parent`, where its children take turns, if one of them is in.
    pub(crate) fn turn(&self, parent: u32) -> Option<&'static Site> {
        if self.depth() > parent { self.nested.beneath(parent) } else { None }
    }

    /// The same, and for how long at least it has had its turn.
    pub(crate) fn turn_seen(&self, parent: u32) -> Option<(&'static Site, Duration)> {
        let queue = self.queue();
        Some((self.turn(parent)?, watchdog::elapsed(queue.turn.since)))
    }

    /// The holder, and for how long at least it has been that.
    pub(crate) fn holder_since(&self) -> Option<(&'static Site, Duration)> {
        self.holder_seen(&mut self.queue())
    }

    /// The same, with the queue at hand.
    pub(crate) fn holder_seen(&self, queue: &mut Queue) -> Option<(&'static Site, Duration)> {
        let site = self.holder()?;
        let holding = self.holding();
        if queue.seen.number != holding {
            queue.seen = Seen { number: holding, since: watchdog::exact_now() };
        }
        Some((site, watchdog::elapsed(queue.seen.since)))
    }

    /// The number of the present holding.
    pub(crate) fn holding(&self) -> u64 {
        self.holding.load(Ordering::Acquire)
    }

    /// A section is about to be polled. Counted only while somebody waits: then the watchdog may want to know.
    #[inline(always)]
    pub(crate) fn note_poll(&self) {
        if self.attention.load(Ordering::Relaxed) & QUEUED != 0 {
            // Not one step: a count lost between two sections that are polled at once does not matter.
            self.polls.store(self.polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    // ---- in ----

    /// Whether nothing but a holder can be in the way.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.attention.load(Ordering::Relaxed) == 0
    }

    /// Takes the lock if it is free. Only where it is open.
    #[inline(always)]
    pub(crate) fn try_enter_free(&self, site: &'static Site) -> bool {
        if !self.gate.try_close() {
            return false;
        }
        self.begin(site);
        true
    }

    /// Takes the lock if it is free and nobody is in line, or joins the line.
    pub(crate) fn enter_or_queue(self: &Arc<Self>, site: &'static Site, waker: &Waker) -> Entry {
        let mut queue = self.queue();
        if self.is_closed() {
            return Entry::Closed; // seen under the queue's mutex, or `close` sees our waker there
        }
        let is_first = !queue.has_chains();
        if is_first && self.gate.try_close() {
            self.begin(site);
            return Entry::Entered;
        }
        let now = watchdog::watch(self);
        let holding = self.holding();
        if queue.seen.number != holding {
            queue.seen = Seen { number: holding, since: now };
        }
        let (place, ticket) = queue.push_chain(waker.clone(), site, now);
        if !is_first {
            return Entry::Queued(place, ticket); // the line began with one who has looked
        }
        self.attention.fetch_or(QUEUED, Ordering::Relaxed);
        fence(Ordering::SeqCst); // pairs with the one in `pass_on`
        if !self.gate.try_close() {
            return Entry::Queued(place, ticket);
        }
        // The holder left between our first attempt and the queueing, without seeing us.
        let waker = queue.remove_chain(place);
        self.note_queue(&queue);
        self.begin(site);
        drop(queue);
        drop(waker);
        Entry::Entered
    }

    /// Whether somebody was given the lock and has not come for it yet.
    pub(crate) fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Acquire) != 0
    }

    /// Polls of sections so far.
    pub(crate) fn polls(&self) -> u32 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Whether the lock was handed to this ticket; takes it if so.
    #[inline(always)]
    pub(crate) fn claim(&self, ticket: Ticket, site: &'static Site) -> bool {
        if self.granted.load(Ordering::Acquire) != ticket {
            return false;
        }
        self.granted.store(0, Ordering::Relaxed);
        self.begin(site);
        true
    }

    /// Leaves the line, or gives back what was granted meanwhile.
    pub(crate) fn leave_queue(&self, place: Place, ticket: Ticket) {
        let mut queue = self.queue();
        if self.granted.load(Ordering::Acquire) == ticket {
            drop(queue);
            self.granted.store(0, Ordering::Relaxed);
            self.hand_over();
            return;
        }
        let waker = queue.remove_chain(place);
        self.note_queue(&queue);
        // A waker may own its task, and that another waiter of this lock: not under the mutex.
        drop(queue);
        drop(waker);
    }

    /// The caller has the gate and is the outermost section now.
    #[inline(always)]
    fn begin(&self, site: &'static Site) {
        self.holding.store(self.holding.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        self.holder.store(site);
        self.top.store(1, Ordering::Release);
    }

    /// Goes one deeper than `parent`, whose section is being polled on this thread, if that is the innermost and
    /// nobody is in line.
    #[inline(always)]
    pub(crate) fn try_nest(&self, parent: u32, site: &'static Site) -> bool {
        if self.top.load(Ordering::Acquire) != parent {
            return false;
        }
        if parent == 1 {
            self.nested.note(1, site);
            // Nobody else moves `top`: its only section is being polled here, and it has no ancestors that could end.
            self.top.store(2, Ordering::Relaxed);
            return true;
        }
        self.nested.note(parent, site);
        self.top.compare_exchange(parent, parent + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Goes one deeper than `parent`, or joins the line of its children.
    pub(crate) fn nest_or_queue(
        self: &Arc<Self>,
        parent: u32,
        place: Option<Place>,
        site: &'static Site,
        waker: &Waker,
    ) -> Option<Place> {
        let mut queue = self.queue();
        loop {
            let word = self.top.load(Ordering::Acquire);
            if word & DEPTH == parent && queue.is_first_sibling(place, parent) {
                let waker = place.and_then(|place| queue.remove_sibling(place));
                // With the innermost section being polled here and the queue locked, nobody else moves `top`.
                self.nested.note(parent, site);
                queue.next_turn(watchdog::now());
                self.top.store((parent + 1) | flags(&queue), Ordering::Release);
                drop(queue);
                drop(waker);
                return None;
            }
            // A sibling on another thread may leave without a look at the queue until the flag stands.
            if word & SIBLINGS == 0
                && self.top.compare_exchange(word, word | SIBLINGS, Ordering::AcqRel, Ordering::Relaxed).is_err()
            {
                continue;
            }
            let Some(place) = place else {
                return Some(queue.push_sibling(waker.clone(), site, watchdog::watch(self), parent));
            };
            let old = queue.stay_sibling(place, waker, parent);
            drop(queue);
            drop(old);
            return Some(place);
        }
    }

    /// A waiting sibling gives up; its turn, if it had come, passes on.
    pub(crate) fn leave_siblings(&self, place: Place) {
        let mut queue = self.queue();
        let waker = queue.remove_sibling(place);
        let wakers = queue.siblings_to_wake(self.depth());
        drop(queue);
        drop(waker);
        wake(wakers);
    }

    pub(crate) fn update_waker(&self, place: Place, ticket: Ticket, waker: &Waker) -> bool {
        let mut queue = self.queue();
        if self.granted.load(Ordering::Acquire) == ticket {
            return false;
        }
        let old = queue.update_waker(place, waker);
        drop(queue);
        drop(old);
        true
    }

    // ---- out ----

    /// The section at `depth` ends; its frame is not on the stack any more.
    #[inline(always)]
    pub(crate) fn leave(&self, depth: u32, finished: bool) {
        if self.top.load(Ordering::Acquire) == depth {
            if depth == 1 {
                if !finished {
                    self.set_interrupted(true);
                }
                self.top.store(0, Ordering::Relaxed);
                return self.release();
            }
            if depth == 2 && raw::is_innermost(self, 1) {
                // As in `try_nest`: the only other section is being polled here, so nobody else moves `top`.
                self.top.store(1, Ordering::Release);
                return;
            }
            if self.top.compare_exchange(depth, depth - 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return;
            }
        }
        self.leave_slowly(depth, finished);
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&self, depth: u32, finished: bool) {
        let mut queue = self.queue();
        let mut word = self.top.load(Ordering::Acquire);
        while word & DEPTH > depth {
            // A child lives on, perhaps on another thread that leaves without a look at the queue until the flag stands.
            match self.top.compare_exchange(word, word | ORPHANS, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if !finished && queue.is_outermost(depth) {
                        self.set_interrupted(true);
                    }
                    queue.orphan(depth);
                    return;
                }
                Err(now) => word = now,
            }
        }
        let living = queue.nearest_living(depth - 1);
        if living == 0 && !finished {
            self.set_interrupted(true);
        }
        let wakers = queue.siblings_to_wake(living);
        queue.dismiss_strays(living);
        queue.next_turn(watchdog::now());
        self.top.store(living | flags(&queue), Ordering::Release);
        drop(queue);
        wake(wakers);
        if living == 0 {
            self.release();
        }
    }

    /// All sections have ended: the lock goes to the next in line, or becomes free.
    #[inline(always)]
    fn release(&self) {
        if self.loan.outlives_sections() {
            return; // the state guard's drop goes on from here
        }
        self.pass_on();
    }

    #[inline(always)]
    fn pass_on(&self) {
        if self.attention.load(Ordering::Relaxed) & QUEUED != 0 {
            return self.hand_over();
        }
        // SAFETY: the caller's holding ends here: `top` is 0, no state guard is out, and nobody was granted the lock.
        unsafe { self.gate.open() };
        fence(Ordering::SeqCst); // pairs with the one in `enter_or_queue`
        if self.attention.load(Ordering::Relaxed) & QUEUED != 0 && self.gate.try_close() {
            self.hand_over();
        }
    }

    /// Gives the lock, which the caller has, to the next in line.
    #[cold]
    #[inline(never)]
    fn hand_over(&self) {
        let mut queue = self.queue();
        match queue.pop_chain() {
            Some((ticket, site, waker)) => {
                let now = watchdog::now();
                queue.granted = Some(Granted { site, at: now });
                queue.seen = Seen { number: self.holding().wrapping_add(1), since: now };
                self.note_queue(&queue);
                self.granted.store(ticket, Ordering::Release);
                drop(queue);
                wake([waker]);
            }
            None => {
                self.note_queue(&queue);
                // SAFETY: as in `pass_on`. Under the queue's mutex nobody can join unseen, so no second look is due.
                unsafe { self.gate.open() };
            }
        }
    }

    /// Keeps the bit in step with the queue, under its mutex.
    fn note_queue(&self, queue: &Queue) {
        if !queue.has_chains() {
            self.attention.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    // ---- the state ----

    /// Lends the state to the section at `depth`; otherwise says where it is.
    #[inline(always)]
    pub(crate) fn lend(&self, depth: u32, place: &'static Location<'static>) -> Result<(), Lent> {
        if self.depth() != depth {
            return Err(Lent::Deeper(self.turn(self.depth().saturating_sub(1).max(1))));
        }
        self.loan.lend(place).map_err(Lent::At)
    }

    /// The state guard is dropped.
    #[inline(always)]
    pub(crate) fn unlend(&self) {
        if self.loan.give_back() {
            self.pass_on();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        graph::forget_lock(self);
    }
}

/// The bits of `top` that say what is in the queue.
fn flags(queue: &Queue) -> u32 {
    (if queue.has_siblings() { SIBLINGS } else { 0 }) | (if queue.has_orphans() { ORPHANS } else { 0 })
}
