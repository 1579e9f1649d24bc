//! A `Lockable` of somebody's own that gives another lock at each call: wrong, and no reason for more than confusion.

use std::sync::atomic::{AtomicUsize, Ordering};

use conn_share::{ConnLock, LockError, Lockable, locked};

#[derive(Default)]
struct Fickle {
    locks: [ConnLock; 2],
    asked: AtomicUsize,
}

impl Lockable for Fickle {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.locks[self.asked.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[locked]
impl Fickle {
    async fn call(&self) -> Result<(), LockError> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_section_leaves_the_lock_that_it_entered() {
    let fickle = Fickle::default();
    for _ in 0..3 {
        fickle.call().await.expect("one of them is free");
        assert!(fickle.locks.iter().all(|lock| lock.holder().is_none()));
        // And both can be taken again.
        fickle.asked.fetch_add(1, Ordering::Relaxed);
    }
}
