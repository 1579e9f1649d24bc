//! What a close says of what it cut, and what it does not wait for.

use std::future::pending;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use conn_share::AsyncPool;
use tokio::time::Instant;

use crate::lab::{Device, Mood, numbers, settle};

#[tokio::test(start_paused = true)]
async fn goodbyes_that_were_cut_are_counted() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    device.set(|moods| moods.disconnect = Mood::Waits);
    let drained = pool.close_timeout(Duration::from_secs(1)).await;
    assert_eq!((drained.cut.len(), drained.dropped, drained.is_clean()), (0, 2, false));
    assert_eq!(device.open(), 0);
    assert!(pool.close().await.is_clean(), "nothing was left to cut");
}

#[tokio::test(start_paused = true)]
async fn goodbyes_that_ran_into_their_limit_or_panicked_are_counted() {
    for (mood, dropped) in [(Mood::Works, 0), (Mood::Waits, 2), (Mood::Panics, 2)] {
        let device = Device::new();
        let pool = device.pool().size(2).start().await.unwrap();
        device.set(|moods| moods.disconnect = mood);
        let drained = pool.close().await;
        assert_eq!((drained.dropped, drained.is_clean()), (dropped, dropped == 0), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_cut_in_its_reset_is_counted() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    device.set(|moods| moods.reset = Mood::Waits);
    drop(pool.get().await.unwrap());
    settle().await;
    assert_eq!(pool.status().tending, 1);
    let drained = pool.close_timeout(Duration::from_secs(1)).await;
    assert_eq!((drained.cut.len(), drained.dropped), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn two_who_close_at_once_are_told_the_same() {
    let pool = numbers(1).start().await.unwrap();
    let held = pool.get().await.unwrap();
    let start = Instant::now();
    let (one, other) =
        tokio::join!(pool.close_timeout(Duration::from_secs(9)), pool.close_timeout(Duration::from_secs(2)));
    assert_eq!(start.elapsed().as_secs(), 2, "the shorter limit is for both");
    for drained in [one, other] {
        assert_eq!((drained.cut.len(), drained.dropped), (1, 0));
    }
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_wants_is_not_waited_for() {
    let pool = AsyncPool::builder(pending::<Result<u8, String>>).size(1).lazy().start().await.unwrap();
    assert!(pool.get_timeout(Duration::from_secs(1)).await.unwrap_err().is_timeout());
    assert_eq!(pool.status().connecting, 1);
    let start = Instant::now();
    assert!(pool.close().await.is_clean());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_was_open_says_goodbye_though_an_attempt_beside_it_is_given_up() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    device.set(|moods| moods.connect = Mood::Waits);
    pool.resize(2);
    settle().await;
    assert_eq!((pool.status().connecting, device.open()), (1, 2));
    let start = Instant::now();
    assert!(pool.close().await.is_clean());
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((device.goodbyes.load(SeqCst), device.open()), (1, 0));
}

/// Half open; takes its going badly.
struct Sour;

impl Drop for Sour {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a half-open connection that panics when dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_told_though_what_close_gives_up_panics() {
    let connect = || async {
        let _half_open = Sour;
        pending::<()>().await;
        Ok::<_, String>(0)
    };
    let pool = AsyncPool::builder(connect).size(1).lazy().start().await.unwrap();
    let waits = [(); 2].map(|()| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.get().await.map(drop) })
    });
    settle().await;
    assert!(tokio::spawn(async move { pool.close().await }).await.is_err(), "the panic is the closer's");
    for wait in waits {
        let told = tokio::time::timeout(Duration::from_secs(5), wait).await.expect("told").unwrap();
        assert!(matches!(told, Err(conn_share::PoolError::Closed)));
    }
}
