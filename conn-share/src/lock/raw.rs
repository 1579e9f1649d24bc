//! Everything in the lock that the compiler cannot check, and nothing else.
//!
//! Four small things need `unsafe`: the thread's stack of running sections, the gate's parked guard, the cell with the
//! state, and pinning the body of a section. Each says which rule keeps it sound; the rules are enforced by safe code
//! in the neighbouring modules and are stated here so that they can be checked in one place.

use std::cell::{Cell, UnsafeCell};
use std::marker::{PhantomData, PhantomPinned};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::{Mutex, MutexGuard};
use tokio::task;

use super::Lockable;
use super::core::Core;
use super::outcome::Outcome;
use super::section::Section;
use super::site::Site;

/// One section of the call chain that is being polled on this thread right now.
///
/// It lives on the machine stack of the poll that pushed it, so it can neither outlive that poll nor move.
pub(crate) struct Frame {
    prev: *const Frame,
    core: *const Core,
    task: Option<task::Id>,
    pub(crate) depth: u32,
    pub(crate) site: &'static Site,
    /// A wait under this section is in the table of waits; see `graph`.
    pub(crate) marked: Cell<bool>,
}

impl Frame {
    /// Whether this is a section of `core`.
    pub(crate) fn is_of(&self, core: &Core) -> bool {
        ptr::eq(self.core, core)
    }

    /// The lock's address: its name in the table of waits.
    pub(crate) fn key(&self) -> usize {
        self.core.addr()
    }
}

thread_local! {
    static INNERMOST: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// Takes the frame off again, also when the body panics.
struct Pop(*const Frame);

impl Drop for Pop {
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

/// Runs `poll` with a section of `core` on top of this thread's stack. Also says whether the frame was marked, and
/// whether the section's parent of the same lock lies directly beneath (the `bool`s, in this order).
#[inline]
pub(crate) fn within<R>(core: &Core, depth: u32, site: &'static Site, poll: impl FnOnce() -> R) -> (R, bool, bool) {
    let prev = INNERMOST.get();
    let frame = Frame { prev, core, task: task::try_id(), depth, site, marked: Cell::new(false) };
    INNERMOST.set(&raw const frame);
    let pop = Pop(prev);
    let result = poll();
    drop(pop);
    // SAFETY: `prev` was the innermost frame when we came in; the polls that pushed it and those beneath it are still
    // on this thread's stack below us, so it is alive.
    let beneath = unsafe { prev.as_ref() }.is_some_and(|frame| frame.is_of(core) && frame.depth + 1 == depth);
    (result, frame.marked.get(), beneath)
}

/// Visits the frames of the current call chain, innermost first, until `visit` returns `Some`.
///
/// A chain is what one task polls: the walk stops at the first frame of another task, so that a foreign task polled on
/// this thread (by a `LocalSet`, or by a runtime of its own) does not pass for the section that polls it. Outside any
/// task, in `block_on`, the task is `None`, which counts as one task like any other.
#[inline]
pub(crate) fn chain<R>(mut visit: impl FnMut(&Frame) -> Option<R>) -> Option<R> {
    let innermost = INNERMOST.get();
    if innermost.is_null() {
        return None;
    }
    let task = task::try_id();
    let mut next = innermost;
    // SAFETY: every pointer in the list was pushed by a `within` that has not returned (it pops on the way out, also
    // on a panic), further down this very thread's stack; so all frames are alive, and nobody has them mutably.
    while let Some(frame) = unsafe { next.as_ref() } {
        if frame.task != task {
            return None;
        }
        if let Some(found) = visit(frame) {
            return Some(found);
        }
        next = frame.prev;
    }
    None
}

/// The mutex, and the guard of whoever has it.
///
/// The guard cannot stay with the section that locked: a child may outlive it, and the next in the queue inherits the
/// lock without an unlock in between. So it is parked here.
pub(crate) struct Gate {
    mutex: Mutex<()>,
    parked: UnsafeCell<MaybeUninit<MutexGuard<'static, ()>>>,
}

// SAFETY: `parked` is only touched by the one who has the mutex (see `try_close` and `open`), and a `MutexGuard<()>`
// may be sent between threads.
unsafe impl Sync for Gate {}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { mutex: Mutex::new(()), parked: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Takes the mutex if it is free.
    #[inline]
    pub(crate) fn try_close(&self) -> bool {
        let Ok(guard) = self.mutex.try_lock() else { return false };
        // SAFETY: the guard points to `self.mutex`, next to its parking place, both inside an `Arc<Core>`, so they
        // never move. It is used again only in `open`, which borrows `self`; and `MaybeUninit` drops nothing by
        // itself, so a holding that was leaked leaves nothing behind that points to a freed mutex and is used.
        let parked = unsafe { std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        // SAFETY: we have the mutex, so nobody else is at the cell.
        unsafe { (*self.parked.get()).write(parked) };
        true
    }

    /// Unlocks the mutex.
    ///
    /// # Safety
    ///
    /// The caller is the one who has the mutex: `try_close` returned `true` and nobody has called `open` since.
    #[inline]
    pub(crate) unsafe fn open(&self) {
        // SAFETY: initialised by the `try_close` that the caller vouches for; read once, since the caller gives the
        // mutex up with this call.
        drop(unsafe { (*self.parked.get()).assume_init_read() });
    }
}

/// A place for a reference to a static, or none.
pub(crate) struct StaticSlot<T: 'static>(AtomicPtr<T>);

impl<T: Sync> StaticSlot<T> {
    pub(crate) fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn store(&self, value: &'static T) {
        self.0.store(ptr::from_ref(value).cast_mut(), Ordering::Release);
    }

    pub(crate) fn load(&self) -> Option<&'static T> {
        // SAFETY: null, or what `store` put there: a shared reference that lives for ever.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}

/// The state that a lock protects.
#[derive(Default)]
pub(crate) struct StateCell<S>(UnsafeCell<S>);

// SAFETY: a reference to the content is made only by `get`, whose callers hold the one state guard of the lock, so the
// content is moved between threads but never shared by the cell itself.
unsafe impl<S: Send> Sync for StateCell<S> {}

impl<S> StateCell<S> {
    pub(crate) fn new(state: S) -> Self {
        Self(UnsafeCell::new(state))
    }

    pub(crate) fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    pub(crate) fn into_state(self) -> S {
        self.0.into_inner()
    }

    /// # Safety
    ///
    /// The caller holds the lock's state guard and lends the reference no longer than the guard.
    #[inline]
    pub(crate) unsafe fn get(&self) -> *mut S {
        self.0.get()
    }
}

/// A body that runs in a section: what a locked method awaits.
///
/// The section ends when the body has finished, after the body was dropped; or when this is dropped, which counts as
/// cut off. In both cases the body is dropped inside the section, so that destructors find the state in their hands.
#[must_use = "futures do nothing unless polled"]
pub struct Locked<'a, L: Lockable + ?Sized, M, F> {
    section: Section<'a, L>,
    outcome: M,
    body: ManuallyDrop<F>,
    body_dropped: bool,
    _pinned: PhantomPinned,
}

impl<'a, L: Lockable + ?Sized, M, F> Locked<'a, L, M, F> {
    #[inline]
    pub(crate) fn new(section: Section<'a, L>, outcome: M, body: F) -> Self {
        Self { section, outcome, body: ManuallyDrop::new(body), body_dropped: false, _pinned: PhantomPinned }
    }

    #[inline]
    fn drop_body(&mut self) {
        if !std::mem::replace(&mut self.body_dropped, true) {
            // SAFETY: the flag was down, so the body is alive; it is up now, so nobody touches it again.
            self.section.within(|| unsafe { ManuallyDrop::drop(&mut self.body) });
        }
    }
}

impl<L: Lockable + ?Sized, M: Outcome<F::Output>, F: Future> Future for Locked<'_, L, M, F> {
    type Output = M::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<M::Output> {
        // SAFETY: the body is pinned with us: it is reached only through the pin made below and through `drop_body`,
        // which drops it in place; nothing moves it. The other fields are not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        if !this.section.is_in()
            && let Err(error) = ready!(this.section.poll_in(cx))
        {
            return Poll::Ready(this.outcome.failed(error));
        }
        assert!(!this.body_dropped, "a locked section was polled after it had ended");
        // SAFETY: as above; the body is alive.
        let body = unsafe { Pin::new_unchecked(&mut *this.body) };
        let output = ready!(this.section.within(|| body.poll(cx)));
        this.drop_body();
        this.section.end(true);
        Poll::Ready(this.outcome.ran(output))
    }
}

impl<L: Lockable + ?Sized, M, F> Drop for Locked<'_, L, M, F> {
    #[inline]
    fn drop(&mut self) {
        self.drop_body(); // then the section's own drop ends it as cut off, unless it has ended
    }
}

/// Makes a guard `Send` and `Sync` as a `&mut S` is.
pub(crate) type AsMut<'a, S> = PhantomData<&'a mut S>;
