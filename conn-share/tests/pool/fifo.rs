//! First come, first served.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use conn_share::PoolError;

use crate::lab::{Device, Mood, numbers, settle};

#[tokio::test]
async fn those_who_wait_are_served_in_order() {
    let pool = numbers(2).start().await.unwrap();
    let held = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..100 {
        let (pool, served) = (pool.clone(), served.clone());
        tasks.push(tokio::spawn(async move {
            let guard = pool.get().await.unwrap();
            served.lock().unwrap().push(number);
            tokio::task::yield_now().await;
            drop(guard);
        }));
        settle().await;
    }
    drop(held);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_inversions_with_a_thousand_on_two_threads_while_some_give_up_workers_die_and_the_size_changes() {
    let device = Device::new();
    device.set(|moods| (moods.connect, moods.reset) = (Mood::Yields, Mood::Yields));
    // One worker, so that the order in which the guards are had is the order of service.
    let pool = device.pool().size(1).timeout(Duration::from_secs(60)).start().await.unwrap();
    let held = pool.get().await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let queued = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for number in 0..1000 {
        let (pool, served, noted) = (pool.clone(), served.clone(), queued.clone());
        tasks.push(tokio::spawn(async move {
            let mut get = Box::pin(pool.get());
            let first = std::future::poll_fn(|cx| Poll::Ready(get.as_mut().poll(cx))).await;
            assert!(first.is_pending());
            noted.fetch_add(1, SeqCst);
            let worker = get.await.unwrap();
            served.lock().unwrap().push(number);
            if number % 9 == 0 {
                worker.break_it();
            }
            tokio::task::yield_now().await;
            drop(worker);
        }));
        while queued.load(SeqCst) <= number {
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    for number in (0..1000).rev().step_by(7) {
        tasks[number].abort();
        pool.resize(number / 7 % 2);
        tokio::task::yield_now().await;
    }
    pool.resize(1);
    for task in tasks {
        let _ = task.await;
    }
    let served = served.lock().unwrap();
    assert!(served.len() > 800, "{}", served.len());
    let inversions = served.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert_eq!(inversions, 0);
    assert_eq!(device.most_open(), 1);
}

#[tokio::test]
async fn one_that_was_let_through_and_has_not_run_is_not_overtaken() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    device.set(|moods| moods.connect = Mood::Waits);
    let (bad, good) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let mut first = Box::pin(pool.get());
    assert!(std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await);
    // The first gets the permit of one that is broken; then a good one comes back, before it has run.
    bad.break_it();
    drop(bad);
    drop(good);
    settle().await;
    assert_eq!((pool.status().idle, pool.status().on_loan, pool.status().waiting), (0, 1, 0));
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)), "the good one is for the first");
    let mut second = Box::pin(pool.get());
    assert!(std::future::poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())).await);
    let guard = first.await.unwrap();
    drop(guard);
    drop(second.await.unwrap());
}
