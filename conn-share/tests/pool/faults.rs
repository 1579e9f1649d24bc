//! Hooks that fail or panic, workers that grow old.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_share::{AsyncPool, PoolError, WorkerGuard};

use crate::lab::{Device, Mood, orphan, settle};

#[tokio::test(start_paused = true)]
async fn panicking_hooks_lose_nothing() {
    for orphaned in [false, true] {
        let device = Device::new();
        let builder = device.pool().size(2).lazy().check_after(Duration::ZERO);
        let pool = if orphaned { orphan(builder) } else { builder.start().await.unwrap() };
        device.set(|moods| moods.connect = Mood::Panics);
        let error = pool.get().await.unwrap_err();
        let PoolError::Connect(failure) = &error else { panic!("{error}") };
        assert_eq!(failure.cause().unwrap().to_string(), "connecting panicked: the device cannot connect");
        tokio::time::advance(Duration::from_secs(10)).await;
        device.set(|moods| moods.connect = Mood::Works);
        for hook in 0..3 {
            device.set(|moods| match hook {
                0 => moods.check = Mood::Panics,
                1 => moods.reset = Mood::Panics,
                _ => moods.disconnect = Mood::Panics,
            });
            for _ in 0..5 {
                let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
                one.break_it();
                drop((one, two));
                tokio::time::advance(Duration::from_secs(1)).await;
            }
        }
        let status = pool.status();
        assert_eq!((status.on_loan, status.waiting), (0, 0));
        assert!(device.most_open() <= 2 && device.open() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_free_only_after_its_reset_and_a_failed_reset_replaces_it() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    device.set(|moods| moods.reset = Mood::Waits);
    drop(pool.get().await.unwrap());
    settle().await;
    assert_eq!((pool.status().idle, pool.status().tending), (0, 1));
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    device.gate.add_permits(1);
    settle().await;
    let worker = pool.try_get().unwrap();
    assert_eq!((worker.number, device.resets.load(SeqCst)), (1, 1));
    device.set(|moods| moods.reset = Mood::Fails);
    drop(worker);
    assert_eq!(pool.get().await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn a_worker_used_a_moment_ago_is_not_checked() {
    let device = Device::new();
    let pool = device.pool().size(1).check_after(Duration::from_secs(5)).start().await.unwrap();
    drop(pool.get().await.unwrap());
    drop(pool.get().await.unwrap());
    settle().await;
    assert_eq!(device.checks.load(SeqCst), 0);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(pool.get().await.unwrap().number, 1);
    assert_eq!(device.checks.load(SeqCst), 1);
    settle().await;
    tokio::time::advance(Duration::from_secs(6)).await;
    device.set(|moods| moods.check = Mood::Fails);
    assert_eq!(pool.get().await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn old_workers_are_replaced_not_all_at_the_same_moment() {
    let device = Device::new();
    let hour = Duration::from_secs(3600);
    let pool = device.pool().size(20).max_lifetime(hour).start().await.unwrap();
    tokio::time::sleep(hour - hour / 20).await;
    let replaced = device.attempts() - 20;
    assert!(replaced > 0 && replaced < 20, "{replaced} of 20 replaced");
    tokio::time::sleep(hour / 19).await;
    let all: Vec<_> = futures(&pool, 20).await;
    assert!(all.iter().all(|worker| worker.number > 20));
    assert!(device.most_open() <= 20);
}

async fn futures(pool: &AsyncPool<crate::lab::Line>, n: usize) -> Vec<WorkerGuard<crate::lab::Line>> {
    let mut all = Vec::new();
    for _ in 0..n {
        all.push(pool.get().await.unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn workers_idle_for_too_long_are_closed() {
    let device = Device::new();
    let pool = device.pool().size(2).lazy().idle_limit(Duration::from_secs(60)).start().await.unwrap();
    drop(futures(&pool, 2).await);
    settle().await;
    assert_eq!(device.open(), 2);
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert_eq!((device.open(), device.goodbyes.load(SeqCst)), (0, 2));
    // Without the background task the request finds out.
    let pool = orphan(device.pool().size(1).idle_limit(Duration::from_secs(60)));
    let first = pool.get().await.unwrap().number;
    tokio::time::advance(Duration::from_secs(70)).await;
    assert_ne!(pool.get().await.unwrap().number, first);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_worker_is_recovered_or_replaced() {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, Mutex};
    let connects = Arc::new(AtomicUsize::new(0));
    let connect = {
        let connects = connects.clone();
        move || {
            let number = connects.fetch_add(1, SeqCst) + 1;
            async move { Ok::<_, String>(Mutex::new((number, false))) }
        }
    };
    let look = |worker: &Mutex<(usize, bool)>| worker.lock().unwrap().1;
    let pool = AsyncPool::builder(connect.clone()).size(1).is_interrupted(look).start().await.unwrap();
    pool.get().await.unwrap().lock().unwrap().1 = true;
    assert_eq!(pool.get().await.unwrap().lock().unwrap().0, 2, "replaced");
    let pool = AsyncPool::builder(connect)
        .size(1)
        .is_interrupted(look)
        .recover(|worker| {
            worker.get_mut().unwrap().1 = false;
            Box::pin(std::future::ready(Ok::<_, String>(())))
        })
        .start()
        .await
        .unwrap();
    pool.get().await.unwrap().lock().unwrap().1 = true;
    assert_eq!(pool.get().await.unwrap().lock().unwrap().0, 3, "recovered");
}

#[tokio::test(start_paused = true)]
async fn a_worker_held_by_a_task_that_panics_is_checked() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let task = tokio::spawn({
        let pool = pool.clone();
        async move {
            let _worker = pool.get().await.unwrap();
            panic!("in the middle of something");
        }
    });
    assert!(task.await.is_err());
    drop(pool.get().await.unwrap());
    assert_eq!(device.checks.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn detached_and_discarded_workers_are_replaced() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    WorkerGuard::discard(pool.get().await.unwrap());
    settle().await;
    assert_eq!((device.attempts(), device.open(), device.goodbyes.load(SeqCst)), (3, 2, 1));
    let own = WorkerGuard::detach(pool.get().await.unwrap());
    settle().await;
    assert_eq!((device.attempts(), device.open()), (4, 3));
    drop(own);
    assert_eq!(pool.status().idle, 2);
}

#[tokio::test(start_paused = true)]
async fn workers_connected_together_do_not_end_together() {
    let (start, ends) = (tokio::time::Instant::now(), Arc::new(Mutex::new(BTreeSet::new())));
    let said = ends.clone();
    let builder = AsyncPool::builder(|| async { Ok::<_, String>(()) }).size(20).max_lifetime(Duration::from_secs(60));
    let builder = builder.disconnect(move |()| {
        said.lock().unwrap().insert(start.elapsed());
        std::future::ready(())
    });
    let _pool = builder.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let ends = ends.lock().unwrap();
    assert!(ends.len() > 10, "twenty workers ended in {} moments: {ends:?}", ends.len());
    let (first, last) = (*ends.first().unwrap(), *ends.last().unwrap());
    assert!(first >= Duration::from_secs(54) && last <= Duration::from_millis(60_010), "{ends:?}");
}
