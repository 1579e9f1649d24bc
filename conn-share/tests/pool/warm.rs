//! Nothing is allocated on the way of a request once the pool is warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::lab::numbers;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is the system allocator's; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: passed on as it came.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

#[tokio::test]
async fn get_and_drop_do_not_allocate() {
    let pool = numbers(2).timeout(Duration::from_secs(60)).start().await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut get = |n: usize| {
        for _ in 0..n {
            let Poll::Ready(Ok(guard)) = pin!(pool.get()).as_mut().poll(&mut cx) else { panic!("a worker is free") };
            drop(guard);
        }
    };
    get(10);
    assert_eq!(allocations(|| get(1000)), 0);
    assert_ne!(allocations(|| drop(Box::new(1))), 0, "they are counted");
}

#[tokio::test]
async fn nor_does_waiting_with_a_deadline() {
    let pool = numbers(1).timeout(Duration::from_secs(60)).start().await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut wait = |n: usize| {
        for _ in 0..n {
            let held = pool.try_get().unwrap();
            // The budget of a task that never yields would run out.
            let mut get = pin!(tokio::task::coop::unconstrained(pool.get()));
            assert!(get.as_mut().poll(&mut cx).is_pending());
            drop(held);
            assert!(get.as_mut().poll(&mut cx).is_ready());
        }
    };
    wait(10);
    assert_eq!(allocations(|| wait(1000)), 0);
}
