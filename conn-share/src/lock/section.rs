//! A section of one instance's lock, from the first poll to its end: waiting in line, recovering what was cut off,
//! running, leaving.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop;
use tokio::time::{Sleep, sleep};

use super::core::{Core, Entry};
use super::error::{Deadlock, Holder, LockTimeout};
use super::graph::{self, Registered, Wanted};
use super::lockable::RecoverError;
use super::queue::{Place, Ticket};
use super::raw;
use super::site::Site;
use super::{LockError, Lockable};

/// A section, wherever it is on its way.
///
/// While it waits, each poll looks afresh at the call chain it is polled in: a future may be polled first outside a
/// section and then inside it, or be moved away from the section that polled it first.
pub(crate) struct Section<'a, L: Lockable + ?Sized> {
    this: &'a L,
    site: &'static Site,
    stage: Stage,
    wait: Option<Box<Wait<'a>>>,
}

#[derive(Clone, Copy)]
enum Stage {
    Start,
    /// In the queue of chains.
    Queued(Place, Ticket),
    /// In the line of children of the section at this depth.
    Sibling(Place, u32),
    In(Inside),
    Ended,
}

/// A section that is in.
#[derive(Clone, Copy)]
struct Inside {
    depth: u32,
    /// A `recover` runs first.
    recovering: bool,
    /// A wait that was polled in here is in the table of waits.
    marked: bool,
    /// At the last poll the parent of the same lock lay directly beneath.
    beneath: bool,
}

/// What only some sections need.
#[derive(Default)]
struct Wait<'a> {
    /// The limit's timer, and the holding when it was set.
    timer: Option<(Pin<Box<Sleep>>, u64)>,
    registered: Option<Registered>,
    recovery: Option<Recovery<'a>>,
}

type Recovery<'a> = Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + 'a>>;

type Admission = Poll<Result<(), LockError>>;

impl<'a, L: Lockable + ?Sized> Section<'a, L> {
    #[inline]
    pub(crate) fn new(this: &'a L, site: &'static Site) -> Self {
        Self { this, site, stage: Stage::Start, wait: None }
    }

    #[inline]
    fn core(&self) -> &'a std::sync::Arc<Core> {
        self.this.conn_lock().core()
    }

    /// Whether the body may run.
    #[inline]
    pub(crate) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::In(Inside { recovering: false, .. }))
    }

    /// Goes in, or waits for it. After an error the section has ended.
    #[inline]
    pub(crate) fn poll_in(&mut self, cx: &mut Context<'_>) -> Admission {
        let Stage::Start = self.stage else { return self.poll_slowly(cx) };
        let core = self.core();
        // What is had without waiting still costs budget, so that a loop over a free lock lets others run.
        let budget = ready!(coop::poll_proceed(cx));
        match parent(core) {
            None if core.try_enter_free(self.site) => {
                budget.made_progress();
                self.go_in(1);
                if core.needs_attention() { self.admit(cx) } else { Poll::Ready(Ok(())) }
            }
            Some(parent) if core.try_nest(parent, self.site) => {
                budget.made_progress();
                self.go_in(parent + 1);
                Poll::Ready(Ok(()))
            }
            _ => {
                drop(budget);
                self.poll_slowly(cx)
            }
        }
    }

    /// Polls something as a part of the section.
    #[inline]
    pub(crate) fn within<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        let Stage::In(inside) = &mut self.stage else { return poll() };
        let core = self.this.conn_lock().core();
        core.count_poll();
        let (result, marked, beneath) = raw::within(core, inside.depth, self.site, poll);
        inside.marked |= marked;
        inside.beneath = beneath;
        result
    }

    /// Leaves the section, or the line. `finished`: the body ran to its end.
    #[inline]
    pub(crate) fn end(&mut self, finished: bool) {
        let Stage::In(inside) = self.stage else { return self.leave_line() };
        self.stage = Stage::Ended;
        let core = self.core();
        if inside.marked {
            graph::forget_section(core, inside.depth);
        }
        core.leave(inside.depth, finished, inside.beneath);
    }

    #[inline]
    fn go_in(&mut self, depth: u32) {
        self.stage = Stage::In(Inside { depth, recovering: false, marked: false, beneath: false });
    }

    #[cold]
    fn poll_slowly(&mut self, cx: &mut Context<'_>) -> Admission {
        loop {
            let core = self.core();
            match (self.stage, parent(core)) {
                (Stage::In(_), _) => return self.poll_recovery(cx),
                (Stage::Ended, _) => panic!("a locked section was polled after it had ended"),
                // The section that this was polled in first is not ours any more, or has a section of ours in it now.
                (Stage::Queued(..), Some(_)) | (Stage::Sibling(..), None) => self.leave_line(),
                (Stage::Sibling(_, depth), Some(parent)) if depth != parent => self.leave_line(),
                (Stage::Sibling(place, _), Some(parent)) => {
                    if core.nest_or_queue(parent, Some(place), self.site, cx.waker()).is_some() {
                        return self.stay(cx, parent);
                    }
                    return self.went_in(parent + 1);
                }
                (Stage::Start, Some(parent)) => {
                    if let Some(place) = core.nest_or_queue(parent, None, self.site, cx.waker()) {
                        self.stage = Stage::Sibling(place, parent);
                        return self.stay(cx, parent);
                    }
                    return self.went_in(parent + 1);
                }
                (Stage::Start, None) => match core.enter_or_queue(self.site, cx.waker()) {
                    Entry::Closed => return self.fail(LockError::Closed),
                    Entry::Entered => return self.admit_first(cx),
                    Entry::Queued(place, ticket) => {
                        self.stage = Stage::Queued(place, ticket);
                        return self.stay(cx, 0);
                    }
                },
                (Stage::Queued(place, ticket), None) => {
                    if core.claim(ticket, self.site) {
                        return self.admit_first(cx);
                    }
                    if core.is_closed() {
                        return self.fail(LockError::Closed);
                    }
                    if core.update_waker(place, ticket, cx.waker()) {
                        return self.stay(cx, 0);
                    }
                }
            }
        }
    }

    /// Still waiting: keeps the limit and the place in the table of waits up to date.
    fn stay(&mut self, cx: &mut Context<'_>, deeper_than: u32) -> Admission {
        let core = self.core();
        if let Some(limit) = self.site.limit(core.timeout()) {
            let wait = self.wait.get_or_insert_default();
            let (timer, began) = wait.timer.get_or_insert_with(|| (Box::pin(sleep(limit)), core.holding()));
            ready!(timer.as_mut().poll(cx));
            let began = *began;
            let holder = core.holder_since().map(|(site, known)| {
                let whole_wait = core.holding() == began;
                Holder::new(site, if whole_wait { known.max(limit) } else { known })
            });
            return self.fail(LockError::Timeout(Box::new(LockTimeout::new(self.site, limit, holder))));
        }
        let registered = self.wait.as_ref().and_then(|wait| wait.registered.as_ref());
        if registered.is_some_and(Registered::is_current) {
            return Poll::Pending;
        }
        if let Some(wait) = &mut self.wait {
            wait.registered = None;
        }
        match Registered::enter(self.site, Wanted { lock: core.key(), deeper_than }) {
            Ok(None) => {}
            Ok(registered) => self.wait.get_or_insert_default().registered = registered,
            Err(cycle) => return self.fail(LockError::Deadlock(Box::new(Deadlock::new(cycle)))),
        }
        Poll::Pending
    }

    /// In as the outermost section, after a wait.
    fn admit_first(&mut self, cx: &mut Context<'_>) -> Admission {
        self.go_in(1);
        self.admit(cx)
    }

    /// In as the outermost section: is the instance fit for the body?
    fn admit(&mut self, cx: &mut Context<'_>) -> Admission {
        self.wait = None;
        let core = self.core();
        if core.is_closed() {
            self.end(true);
            return Poll::Ready(Err(LockError::Closed));
        }
        if !core.is_interrupted() {
            return Poll::Ready(Ok(()));
        }
        if let Stage::In(inside) = &mut self.stage {
            inside.recovering = true;
        }
        let this = self.this;
        let recovery = self.within(|| this.recover());
        self.wait.get_or_insert_default().recovery = Some(recovery);
        self.poll_recovery(cx)
    }

    /// Runs `recover` under the lock. Dropped half-way it counts as cut off, and the mark stays.
    fn poll_recovery(&mut self, cx: &mut Context<'_>) -> Admission {
        let Some(mut recovery) = self.wait.as_mut().and_then(|wait| wait.recovery.take()) else {
            panic!("a locked section was polled after its recovery had panicked");
        };
        let recovered = self.within(|| {
            let recovered = recovery.as_mut().poll(cx);
            if recovered.is_pending() { Err(recovery) } else { Ok(recovered) }
        });
        let recovered = match recovered {
            Ok(recovered) => ready!(recovered),
            Err(recovery) => {
                self.wait.get_or_insert_default().recovery = Some(recovery);
                return Poll::Pending;
            }
        };
        self.wait = None;
        match recovered {
            Ok(()) => {
                self.core().set_interrupted(false);
                if let Stage::In(inside) = &mut self.stage {
                    inside.recovering = false;
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.end(true); // the mark stays all the same: only a recovery clears it
                Poll::Ready(Err(match error {
                    RecoverError::Unsupported => LockError::Interrupted,
                    RecoverError::Failed(cause) => LockError::Recovery(cause),
                }))
            }
        }
    }

    fn went_in(&mut self, depth: u32) -> Admission {
        self.wait = None;
        self.go_in(depth);
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, error: LockError) -> Admission {
        self.leave_line();
        self.stage = Stage::Ended;
        Poll::Ready(Err(error))
    }

    fn leave_line(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.registered = None;
        }
        match self.stage {
            Stage::Queued(place, ticket) => self.core().leave_queue(place, ticket),
            Stage::Sibling(place, _) => self.core().leave_siblings(place),
            Stage::Start | Stage::In(_) | Stage::Ended => return,
        }
        self.stage = Stage::Start;
    }
}

impl<L: Lockable + ?Sized> Drop for Section<'_, L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(recovery) = self.wait.as_mut().and_then(|wait| wait.recovery.take()) {
            self.within(|| drop(recovery));
        }
        self.end(false);
    }
}

/// The depth of the current chain's innermost section of this lock.
#[inline]
fn parent(core: &Core) -> Option<u32> {
    raw::chain(|frame| frame.is_of(core).then_some(frame.depth))
}
