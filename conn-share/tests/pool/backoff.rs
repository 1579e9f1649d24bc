//! Back-off that is short, none, or without end: nothing loops, and those who wait are told.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use conn_share::{AsyncPool, PoolError, StartPolicy};

use crate::lab::{Device, Mood};

const BACKOFFS: [Duration; 5] =
    [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(1), Duration::from_millis(1), Duration::MAX];

#[tokio::test(start_paused = true)]
async fn attempts_have_a_turn_of_others_between_them() {
    for backoff in BACKOFFS {
        let device = Device::new();
        device.set(|moods| moods.connect = Mood::Fails);
        let pool = device.pool().size(1).lazy().backoff(backoff, backoff).start().await.unwrap();
        let mut get = Box::pin(pool.get());
        let error = poll_fn(|cx| {
            let before = device.attempts();
            let polled = get.as_mut().poll(cx);
            assert!(device.attempts() - before <= 1, "{backoff:?}: several in one poll");
            // What the longest ones do is told below.
            if backoff == Duration::MAX { Poll::Ready(None) } else { polled.map(Some) }
        });
        if let Some(error) = error.await {
            assert!(matches!(error.unwrap_err(), PoolError::Connect(_)), "{backoff:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_told_whatever_the_back_off_is() {
    for backoff in BACKOFFS {
        for mood in [Mood::Fails, Mood::Yields] {
            let attempts = Arc::new(AtomicUsize::new(0));
            let count = attempts.clone();
            let connect = move || {
                count.fetch_add(1, SeqCst);
                async move {
                    if mood == Mood::Yields {
                        tokio::task::yield_now().await;
                    }
                    Err::<u8, _>("refused")
                }
            };
            // The longest allows of no second attempt.
            let limit = if backoff == Duration::MAX { 1 } else { 3 };
            let builder = AsyncPool::builder(connect).size(2).lazy().backoff(backoff, backoff).connect_attempts(limit);
            let pool = builder.start().await.unwrap();
            let waiters: Vec<_> = (0..10)
                .map(|_| {
                    let pool = pool.clone();
                    tokio::spawn(async move { pool.get().await.map(drop) })
                })
                .collect();
            for waiter in waiters {
                let error = waiter.await.unwrap().unwrap_err();
                assert!(matches!(error, PoolError::Connect(_)), "{backoff:?} {error}");
            }
            assert!(attempts.load(SeqCst) < 40, "{backoff:?}: {attempts:?} attempts");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_while_attempt_follows_attempt_is_told() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let builder = device.pool().size(1).lazy().backoff(Duration::ZERO, Duration::ZERO).connect_attempts(1);
    let pool = builder.start().await.unwrap();
    let (mut told, mut slow) = (Box::pin(pool.get()), Box::pin(pool.get()));
    // One is polled all the time; the other comes again when the next attempt is under way already.
    assert!(
        poll_fn(|cx| Poll::Ready(told.as_mut().poll(cx).is_pending() && slow.as_mut().poll(cx).is_pending())).await
    );
    device.set(|moods| moods.connect = Mood::Fails);
    device.gate.close();
    assert!(told.await.is_err());
    let other = tokio::spawn({
        let pool = pool.clone();
        device.set(|moods| moods.connect = Mood::Sleeps);
        async move { pool.get().await.map(drop) }
    });
    crate::lab::settle().await;
    assert_eq!(pool.status().connecting, 1);
    assert!(matches!(slow.await, Err(PoolError::Connect(_))));
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_start_ends_whatever_the_back_off_is() {
    for backoff in BACKOFFS {
        for policy in [StartPolicy::AllOrNothing, StartPolicy::Degraded] {
            let device = Device::new();
            device.set(|moods| moods.connect = Mood::Fails);
            let builder = device.pool().size(3).backoff(backoff, backoff).start_policy(policy).connect_attempts(1);
            assert_eq!(builder.start().await.is_ok(), policy == StartPolicy::Degraded, "{backoff:?}");
        }
    }
}

#[tokio::test]
async fn a_worker_that_is_always_broken_does_not_keep_the_thread() {
    // Fit when it is connected, broken when it is to be lent.
    let looks = AtomicUsize::new(0);
    let builder = AsyncPool::builder(|| async { Ok::<_, String>(()) }).size(1).lazy();
    let pool = builder.is_broken(move |()| looks.fetch_add(1, SeqCst) % 2 == 1).start().await.unwrap();
    let mut get = Box::pin(pool.get());
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if get.as_mut().poll(cx).is_ready() || polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
