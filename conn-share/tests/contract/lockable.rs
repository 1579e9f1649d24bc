//! `.lockable()`: a pool asks its workers' own locks.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use conn_share::{AsyncPool, ConnLock, LockError, Lockable, WorkerGuard, locked};

#[derive(Lockable)]
#[lockable(recover = Self::repair)]
struct Repairable {
    lock: ConnLock<u32>,
    repairs: AtomicU32,
}

impl Repairable {
    async fn repair(&self) -> io::Result<()> {
        if self.repairs.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(io::Error::other("only once"));
        }
        *self.lock.state() = 0;
        Ok(())
    }
}

#[locked]
impl Repairable {
    async fn half(&self) -> io::Result<()> {
        *self.lock.state() = 1;
        std::future::pending().await
    }

    async fn value(&self) -> io::Result<u32> {
        Ok(*self.lock.state())
    }
}

#[derive(Lockable)]
struct Fragile {
    lock: ConnLock,
}

#[locked]
impl Fragile {
    async fn half(&self) -> Result<(), LockError> {
        std::future::pending().await
    }

    async fn whole(&self) -> Result<(), LockError> {
        Ok(())
    }
}

/// Begins a call and drops it.
async fn cut_off(call: impl Future) {
    let mut call = Box::pin(call);
    assert!(futures::poll!(call.as_mut()).is_pending(), "the body was reached and waits");
}

async fn repairable() -> AsyncPool<Repairable> {
    AsyncPool::builder(|| async {
        Ok::<_, io::Error>(Repairable { lock: ConnLock::new(0), repairs: AtomicU32::new(0) })
    })
    .size(1)
    .lockable()
    .start()
    .await
    .expect("connects")
}

#[tokio::test]
async fn an_interrupted_worker_is_recovered_before_it_is_lent() {
    let pool = repairable().await;
    let worker = pool.get().await.expect("free");
    let id = WorkerGuard::id(&worker);
    cut_off(worker.half()).await;
    assert!(worker.lock.is_interrupted());
    drop(worker);

    let worker = pool.get().await.expect("recovered");
    assert_eq!(WorkerGuard::id(&worker), id);
    assert!(!worker.lock.is_interrupted());
    assert_eq!(worker.value().await.expect("in order"), 0);
}

#[tokio::test]
async fn a_worker_that_cannot_be_recovered_is_replaced() {
    let pool = repairable().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let worker = pool.get().await.expect("recovered or replaced");
        assert!(!worker.lock.is_interrupted());
        ids.push(WorkerGuard::id(&worker));
        cut_off(worker.half()).await;
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn without_a_recover_an_interrupted_worker_is_replaced_and_so_is_a_closed_one() {
    let pool =
        AsyncPool::builder(|| async { Ok::<_, io::Error>(Fragile { lock: ConnLock::default() }) }).size(1).lockable();
    let pool = pool.start().await.expect("connects");

    let worker = pool.get().await.expect("free");
    let first = WorkerGuard::id(&worker);
    cut_off(worker.half()).await;
    drop(worker);

    let worker = pool.get().await.expect("replaced");
    let second = WorkerGuard::id(&worker);
    assert_ne!(second, first);
    worker.whole().await.expect("a sound one");
    worker.lock.close();
    drop(worker);

    let worker = pool.get().await.expect("replaced");
    assert_ne!(WorkerGuard::id(&worker), second);
    worker.whole().await.expect("a sound one");
}
