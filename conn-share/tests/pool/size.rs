//! Changing the size, and closing.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use conn_share::PoolError;

use crate::lab::{Device, Mood, numbers, settle};

#[tokio::test(start_paused = true)]
async fn a_larger_pool_serves_those_who_wait() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let held = pool.get().await.unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(|guard| guard.number) }
    });
    settle().await;
    pool.resize(3);
    assert_ne!(waiter.await.unwrap().unwrap(), held.number);
    settle().await;
    assert_eq!((pool.status().idle, pool.status().on_loan, device.open()), (2, 1, 3));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_smaller_pool_closes_idle_workers_now_and_loans_when_they_come_back() {
    let device = Device::new();
    let pool = device.pool().size(5).start().await.unwrap();
    let held = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
    pool.resize(2);
    settle().await;
    assert_eq!(device.open(), 3);
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    settle().await;
    let [one, two, three] = held;
    drop(one);
    settle().await;
    assert_eq!((device.open(), waiter.is_finished()), (2, false), "the first that comes back is one too many");
    drop(two);
    waiter.await.unwrap().unwrap();
    drop(three);
    settle().await;
    let status = pool.status();
    assert_eq!((status.size, status.idle, device.open()), (2, 2, 2));
    let _two = (pool.try_get().unwrap(), pool.try_get().unwrap());
    assert!(pool.try_get().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_no_size_lets_wait_until_it_has_one_again() {
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    pool.resize(0);
    settle().await;
    assert_eq!((device.open(), device.goodbyes.load(SeqCst), pool.status().idle), (0, 3, 0));
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    let PoolError::Timeout(timeout) = pool.get_timeout(Duration::from_secs(2)).await.unwrap_err() else { panic!() };
    assert_eq!((timeout.phase(), timeout.holders().len()), (conn_share::PoolPhase::Waiting, 0));
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    settle().await;
    assert!(!waiter.is_finished());
    pool.resize(1);
    waiter.await.unwrap().unwrap();
    settle().await;
    assert_eq!((device.attempts(), device.open(), pool.status().idle), (4, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_long_to_close_keeps_its_place() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    device.set(|moods| moods.disconnect = Mood::Waits);
    pool.resize(0);
    settle().await;
    pool.resize(2);
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    settle().await;
    assert_eq!((pool.status().closing, device.open(), waiter.is_finished()), (2, 2, false));
    device.gate.add_permits(2);
    waiter.await.unwrap().unwrap();
    settle().await;
    assert_eq!((device.most_open(), device.attempts(), pool.status().idle), (2, 4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_worker_too_many_is_closed_when_the_one_it_was_handed_to_gives_up() {
    let pool = numbers(2).start().await.unwrap();
    let held = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    let mut waiter = Box::pin(pool.get());
    assert!(futures::poll!(waiter.as_mut()).is_pending());
    let [one, _two] = held;
    drop(one); // to the waiter, which does not come for it
    pool.resize(1);
    settle().await;
    drop(waiter);
    settle().await;
    let status = pool.status();
    assert_eq!((status.on_loan, status.closing, status.idle), (1, 0, 0), "{status:?}");
    assert_eq!(status.counters.closed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_changes_under_load() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Yields);
    let pool = device.pool().size(4).timeout(Duration::from_secs(30)).start().await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for _ in 0..300 {
                    let worker = pool.get().await.unwrap();
                    tokio::task::yield_now().await;
                    drop(worker);
                }
            })
        })
        .collect();
    for size in [1, 7, 0, 3, 2, 9, 1, 1, 5, 4].repeat(30) {
        pool.resize(size);
        tokio::task::yield_now().await;
    }
    pool.resize(4);
    for task in tasks {
        task.await.unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(pool.get().await.unwrap());
    }
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    assert!(device.most_open() <= 9);
    let status = pool.status();
    assert_eq!((status.size, status.on_loan, status.waiting), (4, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn close_cuts_what_does_not_come_back_and_says_so() {
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    let held = pool.get().await.unwrap();
    device.set(|moods| moods.connect = Mood::Waits);
    pool.resize(4);
    settle().await;
    assert_eq!(pool.status().connecting, 1);
    let drained = pool.close_timeout(Duration::from_secs(3)).await;
    assert_eq!(drained.cut.len(), 1);
    assert!(drained.cut[0].to_string().contains("size.rs:"), "{}", drained.cut[0]);
    assert_eq!(device.open(), 1, "only the one that is still on loan");
    assert_eq!(pool.status().on_loan, 0);
    drop(held);
    settle().await;
    assert_eq!(device.open(), 0);
    assert!(pool.close().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn close_with_loans_waiters_and_connects_under_way() {
    let device = Device::new();
    let pool = device.pool().size(3).lazy().start().await.unwrap();
    let (returns, stays) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    device.set(|moods| (moods.connect, moods.reset) = (Mood::Waits, Mood::Waits));
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.get().await.map(drop) })
        })
        .collect();
    settle().await;
    let status = pool.status();
    assert_eq!((status.on_loan, status.connecting, status.waiting), (2, 1, 4), "{status:?}");
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close_timeout(Duration::from_secs(5)).await }
    });
    settle().await;
    for waiter in waiters {
        assert!(waiter.is_finished());
        assert!(matches!(waiter.await.unwrap(), Err(PoolError::Closed)));
    }
    assert!(matches!(pool.get().await, Err(PoolError::Closed)));
    // The attempt is given up, and what comes back is not reset for nobody.
    assert_eq!((pool.status().connecting, device.open()), (0, 2));
    drop(returns);
    settle().await;
    assert_eq!((device.open(), device.goodbyes.load(SeqCst), device.resets.load(SeqCst)), (1, 1, 0));
    let start = tokio::time::Instant::now();
    let drained = closing.await.unwrap();
    assert_eq!((start.elapsed().as_secs(), drained.cut.len(), drained.dropped), (5, 1, 0));
    assert_eq!(drained.cut[0].worker, conn_share::WorkerGuard::id(&stays));
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_to_one_who_does_not_come_is_closed_all_the_same() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let held = pool.get().await.unwrap();
    let mut kept = Box::pin(pool.get());
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(kept.as_mut().poll(cx).is_pending())).await);
    drop(held);
    settle().await;
    assert_eq!((pool.status().on_loan, pool.status().waiting), (1, 0), "it is that one's");
    assert!(pool.close().await.is_clean());
    assert_eq!(device.open(), 0);
    assert!(matches!(kept.await, Err(PoolError::Closed)));
}

#[tokio::test]
async fn a_pool_of_nothing_or_of_more_than_there_can_be_is_refused() {
    assert!(matches!(numbers(0).start().await, Err(PoolError::Config(_))));
    for size in [65_537, 1 << 60, usize::MAX] {
        assert!(matches!(numbers(size).lazy().start().await, Err(PoolError::Config(_))));
    }
    let pool = numbers(65_536).lazy().start().await.unwrap();
    pool.resize(usize::MAX);
    assert_eq!(pool.status().size, 65_536);
    assert!(matches!(numbers(1).connect_concurrency(0).start().await, Err(PoolError::Config(_))));
}
