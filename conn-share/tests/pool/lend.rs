//! Lending, giving back, running out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use conn_share::{AsyncPool, PoolError, PoolPhase, WorkerGuard};

use crate::lab::{Device, Mood, numbers, orphan, settle};

#[tokio::test]
async fn workers_are_connected_side_by_side_at_the_start() {
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    assert_eq!((device.open(), pool.status().idle), (3, 3));
}

#[tokio::test]
async fn a_worker_goes_back_when_its_guard_is_dropped() {
    let pool = numbers(1).start().await.unwrap();
    let mut guard = pool.get().await.unwrap();
    let id = WorkerGuard::id(&guard);
    *guard = 7;
    assert_eq!((pool.status().idle, pool.status().on_loan), (0, 1));
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    drop(guard);
    let guard = pool.try_get().unwrap();
    assert_eq!((*guard, WorkerGuard::id(&guard)), (7, id));
}

#[tokio::test]
async fn a_guard_is_dropped_where_there_is_no_runtime() {
    fn owned<T: Send + 'static>(it: T) -> T {
        it
    }
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    device.set(|moods| moods.reset = Mood::Yields);
    let guards = owned([pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()]);
    // One to be reset, one to be replaced, one that is gone: none of it is done there.
    std::thread::spawn(move || {
        let [one, two, three] = guards;
        two.break_it();
        drop((one, two));
        drop(WorkerGuard::detach(three));
    })
    .join()
    .unwrap();
    assert_eq!((device.resets.load(SeqCst), device.goodbyes.load(SeqCst), device.attempts()), (0, 0, 3));
    let all = (pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap());
    assert_eq!((device.resets.load(SeqCst), device.goodbyes.load(SeqCst), device.attempts()), (1, 1, 5));
    drop(all);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_time_runs_out_says_who_has_the_workers() {
    let pool = numbers(2).timeout(Duration::from_secs(10)).start().await.unwrap();
    let first = pool.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    let _second = pool.get().await.unwrap();
    let error = pool.get().await.unwrap_err();
    assert!(error.is_timeout());
    let text = error.to_string();
    let io = std::io::Error::from(error);
    assert_eq!(io.kind(), std::io::ErrorKind::TimedOut);
    let error = io.get_ref().unwrap().downcast_ref::<PoolError>().unwrap();
    let PoolError::Timeout(timeout) = error else { panic!("{error}") };
    assert_eq!(timeout.phase(), PoolPhase::Waiting);
    assert_eq!(timeout.waited().as_secs(), 10);
    assert_eq!(timeout.holders().len(), 2);
    let held: Vec<_> = timeout.holders().iter().map(|holder| holder.held.as_secs()).collect();
    assert!(held.contains(&15) && held.contains(&10), "{held:?}");
    assert!(text.contains("lend.rs:") && text.contains("for 15"), "{text}");
    drop(first);
    settle().await;
    assert_eq!((pool.status().waiting, pool.status().idle), (0, 1));
    drop(pool.get().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_who_is_not_polled_when_its_time_has_come_keeps_nobody_busy() {
    let pool = numbers(1).start().await.unwrap();
    let _held = pool.get().await.unwrap();
    let mut kept = std::pin::pin!(pool.get_timeout(Duration::from_secs(1)));
    assert!(std::future::poll_fn(|cx| Poll::Ready(kept.as_mut().poll(cx).is_pending())).await);
    let (mut other, mut polls) = (std::pin::pin!(pool.get_timeout(Duration::from_secs(10))), 0);
    let error = std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls < 20, "it is woken again and again");
        other.as_mut().poll(cx)
    });
    assert!(error.await.unwrap_err().is_timeout());
    assert!(kept.await.unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn those_who_are_not_polled_keep_nobody_from_his_timeout() {
    let pool = numbers(1).start().await.unwrap();
    let _held = pool.get().await.unwrap();
    let mut kept: Vec<_> = [10, 20, 20].map(|limit| Box::pin(pool.get_timeout(Duration::from_secs(limit)))).into();
    for request in &mut kept {
        assert!(futures::poll!(request.as_mut()).is_pending());
    }
    let polled = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get_timeout(Duration::from_secs(32)).await.map(drop) }
    });
    let began = tokio::time::Instant::now();
    let result = tokio::time::timeout(Duration::from_secs(60), polled).await.expect("told in time").unwrap();
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(began.elapsed().as_secs(), 32);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn those_whose_time_runs_out_leave_the_others_asleep() {
    for orphaned in [false, true] {
        let pool = if orphaned { orphan(numbers(1)) } else { numbers(1).start().await.unwrap() };
        let _held = pool.get().await.unwrap();
        let polls = Arc::new(AtomicUsize::new(0));
        let wait = |limit| {
            let (pool, polls) = (pool.clone(), polls.clone());
            tokio::spawn(async move {
                let mut get = std::pin::pin!(pool.get_timeout(Duration::from_secs(limit)));
                let counted = std::future::poll_fn(|cx| {
                    polls.fetch_add(1, SeqCst);
                    get.as_mut().poll(cx)
                });
                assert!(counted.await.unwrap_err().is_timeout());
            })
        };
        let (early, late): (Vec<_>, Vec<_>) = (0..100).map(|_| (wait(1), wait(10))).unzip();
        for task in early {
            task.await.unwrap();
        }
        let polled = polls.swap(0, SeqCst);
        assert!(polled <= 301, "{polled} polls of 200 who came and 100 who left; orphaned: {orphaned}");
        for task in late {
            task.await.unwrap();
        }
        assert_eq!(polls.load(SeqCst), 100);
    }
}

#[tokio::test]
async fn a_lazy_pool_connects_on_demand() {
    let device = Device::new();
    let pool = device.pool().size(3).lazy().start().await.unwrap();
    assert_eq!(device.attempts(), 0);
    let one = pool.get().await.unwrap();
    settle().await;
    assert_eq!(device.attempts(), 1);
    let two = pool.get().await.unwrap();
    assert_eq!(device.attempts(), 2);
    drop((one, two));
    drop(pool.get().await.unwrap());
    assert_eq!(device.attempts(), 2);
}

#[tokio::test]
async fn a_broken_worker_is_replaced_before_anybody_sees_it() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    let worker = pool.get().await.unwrap();
    let number = worker.number;
    worker.break_it();
    drop(worker);
    settle().await;
    assert_eq!(pool.status().idle, 2, "it was replaced without being asked for");
    let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    assert!(one.number != number && two.number != number);
    assert_eq!(device.most_open(), 2);
}

#[tokio::test]
async fn a_worker_that_breaks_while_idle_is_not_lent() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let line = pool.get().await.unwrap();
    let (number, broken) = (line.number, line.broken.clone());
    drop(line);
    settle().await;
    broken.store(true, SeqCst);
    assert_ne!(pool.get().await.unwrap().number, number);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_breaks_while_idle_is_replaced_without_being_asked_for() {
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    let line = pool.get().await.unwrap();
    let broken = line.broken.clone();
    drop(line);
    settle().await;
    broken.store(true, SeqCst);
    device.set(|moods| moods.connect = Mood::Waits);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let status = pool.status();
    assert_eq!((status.idle, status.connecting, device.goodbyes.load(SeqCst)), (2, 1, 1), "{status:?}");
    device.gate.add_permits(1);
    settle().await;
    assert_eq!((pool.status().idle, device.open(), device.attempts()), (3, 3, 4));
    // Those that are well stay, in their order.
    let numbers = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((numbers.map(|worker| worker.number), device.attempts()), ([4, 2, 1], 4));
}

#[tokio::test(start_paused = true)]
async fn a_lazy_pool_closes_a_worker_that_breaks_while_idle() {
    let device = Device::new();
    let pool = device.pool().size(2).lazy().look_every(Duration::from_secs(20)).start().await.unwrap();
    let broken = pool.get().await.unwrap().broken.clone();
    tokio::time::sleep(Duration::from_secs(10)).await;
    broken.store(true, SeqCst);
    assert_eq!(pool.status().idle, 1);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!((pool.status().idle, device.open(), device.attempts()), (0, 0, 1));
}

#[tokio::test]
async fn without_a_background_task_a_dead_worker_is_not_counted_either() {
    let connect = || std::future::ready(Ok::<_, String>(Arc::new(AtomicBool::new(false))));
    let pool = orphan(AsyncPool::builder(connect).size(2).is_broken(|broken| broken.load(SeqCst)));
    let broken = pool.get().await.unwrap().clone();
    assert_eq!(pool.status().idle, 2);
    broken.store(true, SeqCst);
    assert_eq!((pool.status().idle, pool.status().closing), (1, 1));
    drop((pool.get().await.unwrap(), pool.get().await.unwrap()));
    assert_eq!(pool.status().idle, 2);
}

#[tokio::test]
async fn a_hook_that_panics_when_it_looks_has_found_something_wrong() {
    let next = AtomicUsize::new(0);
    let connect = move || std::future::ready(Ok::<_, String>((next.fetch_add(1, SeqCst), AtomicBool::new(false))));
    let look = |worker: &(usize, AtomicBool)| !worker.1.load(SeqCst) || panic!("it cannot be looked at");
    let pool = AsyncPool::builder(connect).size(1).is_interrupted(move |worker| !look(worker)).start().await.unwrap();
    let worker = pool.get().await.unwrap();
    worker.1.store(true, SeqCst);
    drop(worker);
    assert_eq!(pool.get().await.unwrap().0, 1);
    assert_eq!(pool.status().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn fifty_jobs_of_ten_milliseconds_on_five_workers_take_a_hundred() {
    let pool = numbers(5).timeout(Duration::from_secs(60)).start().await.unwrap();
    let start = tokio::time::Instant::now();
    let jobs: Vec<_> = (0..50)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let _worker = pool.get().await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_millis(111), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_closed_pool_refuses_and_tells_those_who_wait() {
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let guard = pool.get().await.unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    settle().await;
    assert_eq!(pool.status().waiting, 1);
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    settle().await;
    assert!(matches!(waiter.await.unwrap(), Err(PoolError::Closed)));
    assert!(matches!(pool.try_get(), Err(PoolError::Closed)));
    assert!(matches!(pool.get().await, Err(PoolError::Closed)));
    assert!(!closing.is_finished());
    drop(guard);
    assert!(closing.await.unwrap().is_clean());
    assert_eq!(device.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_drops_what_is_under_way() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    device.set(|moods| (moods.connect, moods.reset) = (Mood::Waits, Mood::Waits));
    drop(pool.get().await.unwrap());
    pool.resize(3);
    settle().await;
    let status = pool.status();
    assert_eq!((status.tending, status.connecting, device.open()), (1, 1, 3));
    drop(pool);
    settle().await;
    assert_eq!(device.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn try_get_opens_one_connection_of_a_lazy_pool_at_most() {
    let pool = numbers(5).lazy().start().await.unwrap();
    for _ in 0..3 {
        assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    }
    settle().await;
    assert_eq!(pool.status().counters.connected, 1);
    let _taken = pool.try_get().unwrap();
    settle().await;
    assert_eq!(pool.status().counters.connected, 1);
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    settle().await;
    assert_eq!(pool.status().counters.connected, 2);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_has_a_worker_all_who_wait_are_told_that_it_is_connecting() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let pool = device.pool().size(1).lazy().start().await.unwrap();
    let limit = Duration::from_secs(5);
    let (first, second) = tokio::join!(pool.get_timeout(limit), pool.get_timeout(limit));
    for waited in [first, second] {
        let PoolError::Timeout(timeout) = waited.unwrap_err() else { panic!() };
        assert_eq!((timeout.phase(), timeout.holders().len()), (PoolPhase::Connecting, 0));
    }
}
