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
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::task::{Context, Poll, ready};

use tokio::task;

use super::core::Core;
use super::section::Section;
use super::site::Site;
#[cfg(all(test, shuttle))]
use super::sync::CellKey as _;
use super::sync::gate::{Mutex, MutexGuard};
use super::sync::thread_local;
use super::{LockError, Lockable};

/// One section of the call chain that is being polled on this thread right now.
///
/// It lives on the machine stack of the poll that pushed it, so it can neither outlive that poll nor move.
pub(crate) struct Frame {
    prev: *const Frame,
    core: *const Core,
    running: *const Running,
    caller: Caller,
}

/// What a frame tells of its section; it stays there.
pub(crate) struct Running {
    pub(crate) site: &'static Site,
    /// Once in: how deep; as a waiting sibling: how deep its parent is.
    pub(crate) depth: u32,
    /// Once in: a wait that was polled in here is in the table of waits.
    pub(crate) marked: AtomicBool,
}

/// Who polls.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    task: Option<task::Id>,
    /// The address of the `Context`; 0 where there is none, as in a destructor.
    context: usize,
}

thread_local! {
    static INNERMOST: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

impl Caller {
    /// Who polls with `cx`.
    ///
    /// A task's id costs a look into tokio. It is known without one to whom the innermost section calls with the very
    /// `Context` that it is polled with itself, as `.await` does: the poll that pushed the frame has that `Context`
    /// borrowed mutably and lends it to the body alone, so that no other task, whose future cannot hold such a loan, is
    /// polled with it, and until that poll returns nothing else can stand at its address. The same `Waker` would be no
    /// proof: one may be shared, or static.
    #[inline(always)]
    pub(crate) fn polling(cx: &Context<'_>) -> Self {
        let context = ptr::from_ref(cx).addr();
        // SAFETY: as in `chain_of`.
        match unsafe { INNERMOST.get().as_ref() } {
            Some(frame) if frame.caller.context == context => frame.caller,
            _ => Self { task: task::try_id(), context },
        }
    }

    /// Who runs here without being polled, or with a `Context` that is not at hand.
    #[inline]
    pub(crate) fn running() -> Self {
        Self { task: task::try_id(), context: 0 }
    }
}

impl Frame {
    /// Whether this is a section of `core`.
    #[inline(always)]
    pub(crate) fn is_of(&self, core: &Core) -> bool {
        ptr::eq(self.core, core)
    }

    /// The lock's address: its name in the table of waits.
    pub(crate) fn key(&self) -> usize {
        self.core.addr()
    }

    #[inline(always)]
    pub(crate) fn depth(&self) -> u32 {
        self.running().depth
    }

    pub(crate) fn site(&self) -> &'static Site {
        self.running().site
    }

    /// A wait under this section is in the table of waits; see `graph`.
    pub(crate) fn mark(&self) {
        self.running().marked.store(true, Ordering::Relaxed);
    }

    #[inline(always)]
    fn running(&self) -> &Running {
        // SAFETY: the section that the frame was made for is borrowed by the poll that pushed the frame.
        unsafe { &*self.running }
    }
}

/// A frame and what it points to.
pub(crate) struct NewFrame<'a> {
    frame: Frame,
    _borrows: PhantomData<(&'a Core, &'a Running)>,
}

impl<'a> NewFrame<'a> {
    /// A section of `core` about to be polled by `caller`.
    #[inline(always)]
    pub(crate) fn new(core: &'a Core, running: &'a Running, caller: Caller) -> Self {
        let frame = Frame { prev: INNERMOST.get(), core, running, caller };
        Self { frame, _borrows: PhantomData }
    }

    /// Runs `poll` with the frame on top of this thread's stack.
    #[inline(always)]
    pub(crate) fn run<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _on_stack = self.push();
        poll()
    }

    /// Puts the frame on top of this thread's stack until the result is dropped, also by a panic. Private to this file,
    /// where it can be seen that nobody leaks the result.
    #[inline(always)]
    fn push(&self) -> OnStack<'_> {
        INNERMOST.set(&raw const self.frame);
        OnStack { prev: self.frame.prev, _frame: PhantomData }
    }
}

struct OnStack<'a> {
    prev: *const Frame,
    _frame: PhantomData<&'a Frame>,
}

impl Drop for OnStack<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        INNERMOST.set(self.prev);
    }
}

/// Whether no section at all is being polled on this thread.
#[inline(always)]
pub(crate) fn is_bare() -> bool {
    INNERMOST.get().is_null()
}

/// Whether the innermost section that is being polled on this thread is the one of `core` at `depth`.
#[inline(always)]
pub(crate) fn is_innermost(core: &Core, depth: u32) -> bool {
    // SAFETY: as in `chain_of`.
    unsafe { INNERMOST.get().as_ref() }.is_some_and(|frame| frame.is_of(core) && frame.depth() == depth)
}

/// Visits the frames of the current call chain, innermost first, until `visit` returns `Some`.
#[inline(always)]
pub(crate) fn chain<R>(visit: impl FnMut(&Frame) -> Option<R>) -> Option<R> {
    if is_bare() { None } else { chain_of(Caller::running(), visit) }
}

/// Visits the frames of the caller's chain, innermost first, until `visit` returns `Some`.
///
/// A chain is what one task polls: the walk stops at the first frame of another task, so that a foreign task polled on
/// this thread (by a `LocalSet`, or by a runtime of its own) does not pass for the section that polls it. Outside any
/// task, in `block_on`, the task is `None`, which counts as one task like any other.
#[inline(always)]
pub(crate) fn chain_of<R>(caller: Caller, mut visit: impl FnMut(&Frame) -> Option<R>) -> Option<R> {
    let mut next = INNERMOST.get();
    // SAFETY: every pointer in the list was pushed by a `run` that has not returned (it pops on the way out, also
    // on a panic), further down this very thread's stack; so all frames are alive, and nobody has them mutably.
    while let Some(frame) = unsafe { next.as_ref() } {
        if frame.caller.task != caller.task {
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
    #[inline(always)]
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
    #[inline(always)]
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

    #[inline(always)]
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
    #[inline(always)]
    pub(crate) unsafe fn get(&self) -> *mut S {
        self.0.get()
    }
}

/// Whether the body of a section has been dropped. It is kept by the section, where it costs no room, and set by
/// [`Locked`] alone.
#[derive(Default)]
pub(crate) struct Fate {
    dropped: bool,
}

impl Fate {
    #[inline(always)]
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped
    }
}

/// A body that runs in a section: what a locked method awaits.
///
/// The section ends when the body has finished, after the body was dropped; or when this is dropped, which counts as
/// cut off. In both cases the body is dropped inside the section, so that destructors find the state in their hands.
#[must_use = "futures do nothing unless polled"]
pub struct Locked<'a, L: Lockable + ?Sized, M, F> {
    section: ManuallyDrop<Section<'a, L>>,
    or_else: M,
    body: ManuallyDrop<F>,
    _pinned: PhantomPinned,
}

impl<'a, L: Lockable + ?Sized, M, F> Locked<'a, L, M, F> {
    #[inline(always)]
    pub(crate) fn new(section: Section<'a, L>, or_else: M, body: F) -> Self {
        Self { section: ManuallyDrop::new(section), or_else, body: ManuallyDrop::new(body), _pinned: PhantomPinned }
    }
}

impl<L: Lockable + ?Sized, M: Fn(LockError) -> F::Output, F: Future> Locked<'_, L, M, F> {
    #[inline(always)]
    fn poll_body(&mut self, caller: Caller, cx: &mut Context<'_>) -> Poll<F::Output> {
        let (frame, fate) = self.section.frame_and_fate(caller);
        assert!(!fate.dropped, "a locked section was polled after it had ended");
        let on_stack = frame.push();
        // SAFETY: our only caller is pinned: the body is reached only through this pin and dropped in place, below or
        // in `drop`; nothing moves it. Its fate says that it is alive.
        let output = unsafe { Pin::new_unchecked(&mut *self.body) }.poll(cx);
        if output.is_ready() {
            fate.dropped = true;
            // SAFETY: the flag was down; it is up now, so nobody touches the body again.
            unsafe { ManuallyDrop::drop(&mut self.body) };
        }
        // What follows runs no foreign code. Were there a destructor to call if it panics all the same, the output would
        // be kept in memory and copied from there, right after it was written: that alone costs a no-op three nanoseconds.
        let output = ManuallyDrop::new(output);
        drop(on_stack);
        if output.is_ready() {
            self.section.end(true);
        }
        ManuallyDrop::into_inner(output)
    }
}

impl<L: Lockable + ?Sized, M: Fn(LockError) -> F::Output, F: Future> Future for Locked<'_, L, M, F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the body is the only field that is pinned, and `poll_body` keeps it in place.
        let this = unsafe { self.get_unchecked_mut() };
        let caller = Caller::polling(cx);
        if !this.section.is_in()
            && let Err(error) = ready!(this.section.poll_in(caller, cx))
        {
            return Poll::Ready((this.or_else)(error));
        }
        this.poll_body(caller, cx)
    }
}

impl<L: Lockable + ?Sized, M, F> Drop for Locked<'_, L, M, F> {
    // Small enough to be inlined together with what the compiler adds for the fields, which is nothing.
    #[inline(always)]
    fn drop(&mut self) {
        if !self.section.is_over() {
            self.drop_slowly();
        }
    }
}

impl<L: Lockable + ?Sized, M, F> Locked<'_, L, M, F> {
    #[cold]
    #[inline(never)]
    fn drop_slowly(&mut self) {
        // SAFETY: our only caller is `drop`, after which nobody touches the fields. The section may be moved.
        let mut section = unsafe { ManuallyDrop::take(&mut self.section) };
        if std::mem::replace(&mut section.fate().dropped, true) {
            return;
        }
        let frame = section.is_in().then(|| section.frame(Caller::running()));
        let _on_stack = frame.as_ref().map(NewFrame::push);
        // SAFETY: the flag was down, so the body is alive; it is up now, so nobody touches the body again.
        unsafe { ManuallyDrop::drop(&mut self.body) };
        // The section's own drop comes next and ends it as cut off.
    }
}

/// A future whose output is `Ok`.
pub(crate) struct Succeed<F>(pub(crate) F);

impl<F: Future> Future for Succeed<F> {
    type Output = Result<F::Output, LockError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: structural pinning of the only field; there is no `Drop` that could move it.
        unsafe { self.map_unchecked_mut(|succeed| &mut succeed.0) }.poll(cx).map(Ok)
    }
}

/// Makes a guard `Send` and `Sync` as a `&mut S` is.
pub(crate) type AsMut<'a, S> = PhantomData<&'a mut S>;
