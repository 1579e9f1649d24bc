//! Many requests that give up.

use std::time::Duration;

use crate::lab::{Device, numbers};

#[tokio::test]
async fn a_hundred_thousand_cancelled_waiters_lose_nothing() {
    let pool = numbers(3).timeout(Duration::from_secs(600)).start().await.unwrap();
    let held = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
    let mut waiters = Vec::new();
    for _ in 0..100_000 {
        let mut get = Box::pin(pool.get());
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(get.as_mut().poll(cx).is_pending())).await);
        waiters.push(get);
    }
    assert_eq!(pool.status().waiting, 100_000);
    let mut held = held.into_iter();
    // Some are dropped before their turn has come, some when they have their permit and have not run since.
    for (n, waiter) in waiters.into_iter().enumerate() {
        if n % 30_000 == 5 {
            drop(held.next());
        }
        drop(waiter);
    }
    drop(held);
    let status = pool.status();
    assert_eq!((status.waiting, status.idle, status.on_loan), (0, 3, 0));
    let all = (pool.try_get().unwrap(), pool.try_get().unwrap(), pool.try_get().unwrap());
    drop(all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_aborted_tasks_lose_nothing() {
    let device = Device::new();
    let pool = device.pool().size(5).timeout(Duration::from_secs(600)).start().await.unwrap();
    for round in 0..50 {
        let tasks: Vec<_> = (0..1000)
            .map(|n| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let worker = pool.get().await.unwrap();
                    if n % 100 == 7 {
                        worker.break_it();
                    }
                    tokio::task::yield_now().await;
                })
            })
            .collect();
        for (n, task) in tasks.iter().enumerate() {
            if (n + round) % 3 != 0 {
                task.abort();
            }
        }
        for task in tasks {
            let _ = task.await;
        }
    }
    let limit = Duration::from_secs(20);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(pool.get_timeout(limit).await.unwrap());
    }
    let status = pool.status();
    assert_eq!((status.waiting, status.on_loan, status.closing), (0, 5, 0));
    assert!(device.most_open() <= 5);
}
