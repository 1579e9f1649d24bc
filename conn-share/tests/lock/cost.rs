//! What a locked call costs where it can be counted: allocations, bytes, and the task's budget.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};

use crate::line::{poll_once, turn};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

/// How many of the allocations were freed again.
fn freed(run: impl FnOnce()) -> usize {
    let before = FREED.get();
    run();
    FREED.get() - before
}

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
    raw: tokio::sync::Mutex<()>,
}

#[locked]
impl Session {
    async fn nothing(&self) -> Result<(), LockError> {
        Ok(())
    }

    async fn nested(&self) -> Result<(), LockError> {
        self.nothing().await?;
        self.nothing().await
    }

    async fn turns(&self) -> Result<(), LockError> {
        turn().await;
        self.nested().await
    }

    async fn siblings(&self) -> Result<(), LockError> {
        let (a, b) = tokio::join!(self.nothing(), self.nothing());
        a.and(b)
    }

    async fn small(&self, byte: u8) -> Result<u8, LockError> {
        turn().await;
        Ok(byte)
    }

    async fn large(&self, bytes: [u8; 1000]) -> Result<u8, LockError> {
        turn().await;
        Ok(bytes[999])
    }
}

impl Session {
    async fn raw_nothing(&self) -> Result<(), LockError> {
        let _guard = self.raw.lock().await;
        Ok(())
    }

    async fn raw_small(&self, byte: u8) -> Result<u8, LockError> {
        let _guard = self.raw.lock().await;
        turn().await;
        Ok(byte)
    }

    async fn raw_large(&self, bytes: [u8; 1000]) -> Result<u8, LockError> {
        let _guard = self.raw.lock().await;
        turn().await;
        Ok(bytes[999])
    }
}

/// Runs a future on the spot.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
}

#[test]
fn a_free_lock_and_nested_calls_allocate_nothing() {
    let session = Session::default();
    assert_eq!(allocations(|| run(session.nothing()).unwrap()), 0);
    assert_eq!(allocations(|| run(session.nested()).unwrap()), 0);
    assert_eq!(allocations(|| run(session.turns()).unwrap()), 0);
    assert_eq!(allocations(|| run(session.siblings()).unwrap()), 0);
    let section = || session.exclusive(session.nested());
    run(section()).unwrap().unwrap(); // its place in the text is noted once
    assert_eq!(allocations(|| run(section()).unwrap().unwrap()), 0);
    assert_eq!(allocations(|| drop(Box::new(1))), 1, "the counter counts");
}

/// Never fit for use before it is recovered.
#[derive(Lockable, Default)]
#[lockable(recover = Self::reconnect)]
struct Recovers {
    lock: ConnLock,
}

#[locked]
impl Recovers {
    async fn turns(&self) -> Result<(), LockError> {
        turn().await;
        Ok(())
    }

    #[unlocked]
    async fn reconnect(&self) {
        turn().await;
    }
}

#[test]
fn what_a_recovery_takes_is_freed_again() {
    let session = Recovers::default();
    {
        let mut cut_off = Box::pin(session.turns());
        assert!(poll_once(cut_off.as_mut()).is_pending());
    }
    assert!(session.lock.is_interrupted());
    let mut taken = 0;
    let freed = freed(|| taken = allocations(|| run(session.turns()).unwrap()));
    assert!(taken > 0);
    assert_eq!(freed, taken);
    assert!(!session.lock.is_interrupted());
}

#[test]
fn a_loop_over_a_free_lock_lets_others_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let session = Session::default();
        let other = tokio::spawn(async {});
        let mut calls = 0;
        while !other.is_finished() {
            session.nothing().await.unwrap();
            calls += 1;
            assert!(calls < 10_000, "a budget is far smaller");
        }
        assert!(calls > 1);
    });
}

#[test]
fn a_locked_future_is_at_most_48_bytes_larger_than_one_with_a_raw_guard() {
    let session = Session::default();
    let sizes = [
        ("nothing", size_of_val(&session.nothing()), size_of_val(&session.raw_nothing())),
        ("small", size_of_val(&session.small(1)), size_of_val(&session.raw_small(1))),
        ("large", size_of_val(&session.large([0; 1000])), size_of_val(&session.raw_large([0; 1000]))),
    ];
    for (name, locked, raw) in sizes {
        println!("{name}: {locked} bytes locked, {raw} with a raw guard");
    }
    for (name, locked, raw) in sizes {
        assert!(locked <= raw + 48, "{name}: {locked} bytes locked, {raw} with a raw guard");
    }
}
