//! A section of one instance's lock, from the first poll to its end: waiting in line, recovering what was cut off,
//! running, leaving.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::task::coop;
use tokio::time::{Sleep, sleep};

use super::core::{Core, Entry};
use super::error::{Deadlock, Holder, LockTimeout};
use super::graph::{self, Registered, Wanted};
use super::lockable::RecoverError;
use super::queue::{Place, Ticket};
use super::raw::{self, Caller, Fate, NewFrame, Running};
use super::site::Site;
use super::{LockError, Lockable};

/// A section, wherever it is on its way.
///
/// While it waits, each poll looks afresh at the call chain it is polled in: a future may be polled first outside a
/// section and then inside it, or be moved away from the section that polled it first.
pub(crate) struct Section<'a, L: Lockable + ?Sized> {
    this: &'a L,
    /// The lock of `this`, asked for once: it is anybody's method that gives it, and another lock the next time would be
    /// left without having been entered.
    core: &'a Arc<Core>,
    running: Running,
    wait: Option<Box<Wait<'a>>>,
    /// While in the queue.
    ticket: Ticket,
    /// While in a line.
    place: Place,
    stage: Stage,
    /// Of the body that runs in here. Never assigned to: what `raw` makes of it keeps it sound.
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    /// In the queue of chains.
    Queued,
    /// In the line of children of one section.
    Sibling,
    /// In, with a `recover` to run first.
    Recovering,
    In,
    Ended,
}

/// What only some sections need.
#[derive(Default)]
struct Wait<'a> {
    /// The limit's timer, and what had the lock, or the turn, when it was set.
    timer: Option<(Pin<Box<Sleep>>, Before)>,
    registered: Option<Registered>,
    recovery: Option<Recovery<'a>>,
}

/// What a wait began behind: a holding of the lock, or a turn beside siblings.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Before {
    parent: u32,
    number: u64,
}

type Recovery<'a> = Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + 'a>>;

type Admission = Poll<Result<(), LockError>>;

impl<'a, L: Lockable + ?Sized> Section<'a, L> {
    #[inline(always)]
    pub(crate) fn new(this: &'a L, site: &'static Site) -> Self {
        Self {
            this,
            core: this.conn_lock().core(),
            running: Running { site, depth: 0, marked: AtomicBool::new(false) },
            wait: None,
            ticket: 0,
            place: 0,
            stage: Stage::Start,
            fate: Fate::default(),
        }
    }

    #[inline(always)]
    fn core(&self) -> &'a Arc<Core> {
        self.core
    }

    /// Whether the body may run.
    #[inline(always)]
    pub(crate) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    /// Whether it has ended, and the body, and there is nothing left to drop.
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Ended && self.fate.is_dropped() && self.wait.is_none()
    }

    /// Goes in, or waits for it. After an error the section has ended.
    #[inline(always)]
    pub(crate) fn poll_in(&mut self, caller: Caller, cx: &mut Context<'_>) -> Admission {
        if self.stage != Stage::Start {
            return self.poll_slowly(cx);
        }
        let core = self.core();
        match parent(core, caller) {
            None => {
                if !core.is_open() {
                    return self.poll_slowly(cx);
                }
                // What is had without waiting still costs budget, so that a loop over a free lock lets others run.
                let budget = ready!(coop::poll_proceed(cx));
                if !core.try_enter_free(self.running.site) {
                    drop(budget);
                    return self.poll_slowly(cx);
                }
                budget.made_progress();
                if core.needs_attention() {
                    return self.admit_first(cx);
                }
                self.go_in(1);
            }
            // A call inside a section costs what it does, as a call without a lock would.
            Some(parent) => {
                if !core.try_nest(parent, self.running.site) {
                    return self.poll_slowly(cx);
                }
                self.go_in(parent + 1);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The frame to poll under, once the section is in.
    #[inline(always)]
    pub(crate) fn frame(&mut self, caller: Caller) -> NewFrame<'_> {
        self.frame_and_fate(caller).0
    }

    /// The same, with what is known about the body.
    #[inline(always)]
    pub(crate) fn frame_and_fate(&mut self, caller: Caller) -> (NewFrame<'_>, &mut Fate) {
        let core = self.core;
        core.note_poll();
        (NewFrame::new(core, &self.running, caller), &mut self.fate)
    }

    /// What is known about the body.
    #[inline(always)]
    pub(crate) fn fate(&mut self) -> &mut Fate {
        &mut self.fate
    }

    /// Leaves the section, or the line. `finished`: the body ran to its end.
    #[inline(always)]
    pub(crate) fn end(&mut self, finished: bool) {
        if self.stage != Stage::In {
            return self.leave_line();
        }
        self.stage = Stage::Ended;
        let core = self.core();
        if self.running.marked.load(Ordering::Relaxed) {
            graph::forget_section(core, self.running.depth);
        }
        core.leave(self.running.depth, finished);
    }

    #[inline(always)]
    fn go_in(&mut self, depth: u32) {
        self.running.depth = depth;
        self.stage = Stage::In;
    }

    #[cold]
    #[inline(never)]
    fn poll_slowly(&mut self, cx: &mut Context<'_>) -> Admission {
        loop {
            let core = self.core();
            match (self.stage, parent(core, Caller::polling(cx))) {
                (Stage::Recovering, _) => return self.poll_recovery(cx),
                (Stage::In, _) => return Poll::Ready(Ok(())),
                (Stage::Ended, _) => panic!("a locked section was polled after it had ended"),
                // The section that this was polled in first is not ours any more, or has a section of ours in it now.
                (Stage::Queued, Some(_)) | (Stage::Sibling, None) => self.leave_line(),
                (Stage::Sibling, Some(parent)) if self.running.depth != parent => self.leave_line(),
                (stage @ (Stage::Sibling | Stage::Start), Some(parent)) => {
                    let place = (stage == Stage::Sibling).then_some(self.place);
                    let Some(place) = core.nest_or_queue(parent, place, self.running.site, cx.waker()) else {
                        self.wait = None;
                        self.go_in(parent + 1);
                        return Poll::Ready(Ok(()));
                    };
                    (self.stage, self.place, self.running.depth) = (Stage::Sibling, place, parent);
                    return self.stay(cx, parent);
                }
                (Stage::Start, None) => match core.enter_or_queue(self.running.site, cx.waker()) {
                    Entry::Closed => return self.fail(LockError::Closed),
                    Entry::Entered => return self.admit_first(cx),
                    Entry::Queued(place, ticket) => {
                        (self.stage, self.place, self.ticket) = (Stage::Queued, place, ticket);
                        return self.stay(cx, 0);
                    }
                },
                (Stage::Queued, None) => {
                    if core.claim(self.ticket, self.running.site) {
                        return self.admit_first(cx);
                    }
                    if core.is_closed() {
                        return self.fail(LockError::Closed);
                    }
                    if core.update_waker(self.place, self.ticket, cx.waker()) {
                        return self.stay(cx, 0);
                    }
                }
            }
        }
    }

    /// Still waiting, for the lock or, with a `parent` at that depth, for the turn: keeps the limit and the place in
    /// the table of waits up to date.
    fn stay(&mut self, cx: &mut Context<'_>, parent: u32) -> Admission {
        let core = self.core();
        if let Some(limit) = self.running.site.limit(core.limits.timeout()) {
            let wait = self.wait.get_or_insert_default();
            let now = || {
                let number = if parent == 0 { core.holding() } else { core.queue().turn.number };
                Before { parent, number }
            };
            let (timer, began) = wait.timer.get_or_insert_with(|| (Box::pin(sleep(limit)), now()));
            ready!(timer.as_mut().poll(cx));
            let whole_wait = now() == *began;
            let holder = if parent == 0 { core.holder_since() } else { core.turn_seen(parent) };
            let holder =
                holder.map(|(site, known)| Holder::new(site, if whole_wait { known.max(limit) } else { known }));
            return self.fail(LockError::Timeout(Box::new(LockTimeout::new(self.running.site, limit, holder))));
        }
        let registered = self.wait.as_ref().and_then(|wait| wait.registered.as_ref());
        if registered.is_some_and(Registered::is_current) {
            return Poll::Pending;
        }
        if let Some(wait) = &mut self.wait {
            wait.registered = None;
        }
        match Registered::enter(self.running.site, Wanted { lock: core.key(), deeper_than: parent }) {
            Ok(None) => {}
            Ok(registered) => self.wait.get_or_insert_default().registered = registered,
            Err(cycle) => return self.fail(LockError::Deadlock(Box::new(Deadlock::new(cycle)))),
        }
        Poll::Pending
    }

    /// In as the outermost section: is the instance fit for the body?
    #[cold]
    #[inline(never)]
    fn admit_first(&mut self, cx: &mut Context<'_>) -> Admission {
        self.wait = None;
        self.go_in(1);
        let core = self.core();
        if core.is_closed() {
            self.end(true);
            return Poll::Ready(Err(LockError::Closed));
        }
        if !core.is_interrupted() {
            return Poll::Ready(Ok(()));
        }
        self.stage = Stage::Recovering; // before `recover` is called: if that panics, the body must not run either
        let this = self.this;
        let recovery = self.frame(Caller::running()).run(|| this.recover());
        self.wait.get_or_insert_default().recovery = Some(recovery);
        self.poll_recovery(cx)
    }

    /// Runs `recover` under the lock. Dropped half-way it counts as cut off, and the mark stays.
    fn poll_recovery(&mut self, cx: &mut Context<'_>) -> Admission {
        let Some(mut recovery) = self.wait.as_mut().and_then(|wait| wait.recovery.take()) else {
            panic!("a locked section was polled after its recovery had panicked");
        };
        let recovered = self.frame(Caller::polling(cx)).run(|| match recovery.as_mut().poll(cx) {
            Poll::Ready(recovered) => {
                drop(recovery);
                Ok(recovered)
            }
            Poll::Pending => Err(recovery),
        });
        match recovered {
            Err(recovery) => {
                self.wait.get_or_insert_default().recovery = Some(recovery);
                Poll::Pending
            }
            Ok(Ok(())) => {
                self.core().set_interrupted(false);
                self.stage = Stage::In;
                Poll::Ready(Ok(()))
            }
            Ok(Err(error)) => {
                self.stage = Stage::In;
                self.end(true); // the mark stays all the same: only a recovery clears it
                Poll::Ready(Err(match error {
                    RecoverError::Unsupported => LockError::Interrupted,
                    RecoverError::Failed(cause) => LockError::Recovery(cause),
                }))
            }
        }
    }

    fn fail(&mut self, error: LockError) -> Admission {
        self.leave_line();
        self.stage = Stage::Ended;
        Poll::Ready(Err(error))
    }

    /// Gives up whatever place the section has in a line.
    #[cold]
    #[inline(never)]
    fn leave_line(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.registered = None;
        }
        match self.stage {
            Stage::Queued => self.core().leave_queue(self.place, self.ticket),
            Stage::Sibling => self.core().leave_siblings(self.place),
            Stage::Start | Stage::Recovering | Stage::In | Stage::Ended => return,
        }
        self.stage = Stage::Start;
    }

    #[cold]
    #[inline(never)]
    fn drop_unended(&mut self) {
        if self.stage == Stage::In {
            return self.end(false);
        }
        if self.stage != Stage::Recovering {
            return self.leave_line();
        }
        if let Some(recovery) = self.wait.as_mut().and_then(|wait| wait.recovery.take()) {
            self.frame(Caller::running()).run(|| drop(recovery));
        }
        self.stage = Stage::In;
        self.end(false);
    }
}

impl<L: Lockable + ?Sized> Drop for Section<'_, L> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.stage != Stage::Ended {
            self.drop_unended();
        }
    }
}

/// The depth of the current chain's innermost section of this lock.
#[inline(always)]
fn parent(core: &Core, caller: Caller) -> Option<u32> {
    raw::chain_of(caller, |frame| frame.is_of(core).then_some(frame.depth()))
}
