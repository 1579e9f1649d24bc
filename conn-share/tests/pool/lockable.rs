//! Workers that wear `#[locked]`: one that was cut off half-way is put in order before anybody sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use conn_share::{AsyncPool, ConnLock, LockError, Lockable, locked};

use crate::lab::settle;

#[derive(Lockable)]
#[lockable(recover = Self::reconnect)]
struct Session {
    number: usize,
    recoveries: AtomicUsize,
    recovers: bool,
    lock: ConnLock<()>,
}

#[locked]
impl Session {
    async fn half(&self) -> Result<(), LockError> {
        std::future::pending().await
    }
}

impl Session {
    async fn reconnect(&self) -> Result<(), &'static str> {
        self.recoveries.fetch_add(1, SeqCst);
        if self.recovers { Ok(()) } else { Err("the peer is gone") }
    }
}

async fn after_a_cut(recovers: bool) -> (usize, usize, bool) {
    let next = Arc::new(AtomicUsize::new(0));
    let connect = move || {
        let number = next.fetch_add(1, SeqCst) + 1;
        let session = Session { number, recoveries: AtomicUsize::new(0), recovers, lock: ConnLock::new(()) };
        std::future::ready(Ok::<_, String>(session))
    };
    let pool = AsyncPool::builder(connect).size(1).lockable().start().await.unwrap();
    let task = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.unwrap().half().await }
    });
    settle().await;
    assert_eq!(pool.status().on_loan, 1);
    task.abort();
    let worker = pool.get().await.unwrap();
    (worker.number, worker.recoveries.load(SeqCst), worker.conn_lock().is_interrupted())
}

#[tokio::test]
async fn an_interrupted_session_is_recovered() {
    assert_eq!(after_a_cut(true).await, (1, 1, false));
}

#[tokio::test]
async fn one_that_cannot_be_recovered_is_replaced() {
    assert_eq!(after_a_cut(false).await, (2, 0, false));
}
