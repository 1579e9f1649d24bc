//! The device is down: attempts are shared, those who wait are told, the pool heals by itself.

use std::error::Error as _;
use std::time::Duration;

use conn_share::{PoolError, PoolPhase, StartPolicy};
use tokio::time::Instant;

use crate::lab::{Device, Mood, orphan, settle};

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_told_the_cause_and_later_ones_fail_at_once() {
    for orphaned in [false, true] {
        let device = Device::new();
        device.set(|moods| moods.connect = Mood::Fails);
        let builder = device.pool().size(2).lazy().connect_attempts(3);
        let pool = if orphaned { orphan(builder) } else { builder.start().await.unwrap() };
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.get().await.map(drop) })
            })
            .collect();
        for waiter in waiters {
            let error = waiter.await.unwrap().unwrap_err();
            assert!(matches!(error, PoolError::Connect(_)), "{error:?}");
            assert_eq!(error.source().unwrap().to_string(), "the device refuses to connect");
        }
        // The twenty shared them.
        assert_eq!(device.attempts(), 3);
        let before = Instant::now();
        assert!(matches!(pool.get().await, Err(PoolError::Connect(_))));
        assert_eq!((before.elapsed(), device.attempts()), (Duration::ZERO, 3));
        // It returns; the back-off ends.
        device.set(|moods| moods.connect = Mood::Works);
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(pool.get().await.unwrap());
        assert_eq!(pool.status().last_connect_error, None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_pool_heals_without_being_asked() {
    let device = Device::new();
    let pool = device.pool().size(3).start().await.unwrap();
    device.set(|moods| moods.connect = Mood::Fails);
    let all = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
    all.iter().for_each(|worker| worker.break_it());
    drop(all);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!((pool.status().idle, device.open()), (0, 0));
    let attempts = device.attempts();
    assert!(attempts < 40, "{attempts} attempts in five minutes do not back off");
    device.set(|moods| moods.connect = Mood::Works);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(pool.status().idle, 3);
}

#[tokio::test(start_paused = true)]
async fn waiters_keep_waiting_while_a_worker_is_on_loan() {
    let device = Device::new();
    let pool = device.pool().size(2).start().await.unwrap();
    let (good, bad) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    device.set(|moods| moods.connect = Mood::Fails);
    bad.break_it();
    drop(bad);
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!waiter.is_finished());
    drop(good);
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_shared_and_carried_on_by_another_when_its_driver_is_cancelled() {
    for orphaned in [false, true] {
        let device = Device::new();
        device.set(|moods| moods.connect = Mood::Waits);
        let builder = device.pool().size(1).lazy();
        let pool = if orphaned { orphan(builder) } else { builder.start().await.unwrap() };
        let mut waiters: Vec<_> = (0..10)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.get().await.map(|guard| guard.number) })
            })
            .collect();
        settle().await;
        assert_eq!((device.attempts(), pool.status().connecting, pool.status().waiting), (1, 1, 10));
        waiters.remove(0).abort();
        settle().await;
        device.gate.add_permits(1);
        settle().await;
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap().unwrap(), 1, "orphaned: {orphaned}");
        }
        assert_eq!(device.attempts(), 1, "orphaned: {orphaned}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_never_ends_is_a_timeout_that_says_so() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let pool = device.pool().size(1).lazy().timeout(Duration::from_secs(5)).start().await.unwrap();
    let PoolError::Timeout(timeout) = pool.get().await.unwrap_err() else { panic!() };
    assert_eq!((timeout.phase(), timeout.waited().as_secs()), (PoolPhase::Connecting, 5));
    // The attempt itself ends after its own limit, and is reported to the next one.
    tokio::time::sleep(Duration::from_secs(26)).await;
    let PoolError::Timeout(timeout) = pool.get().await.unwrap_err() else { panic!() };
    let cause = timeout.last_connect_error().unwrap().to_string();
    assert_eq!(cause, "no end of connecting within 30s");
}

#[tokio::test(start_paused = true)]
async fn all_or_nothing_closes_what_was_open_and_names_every_cause() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let starting = tokio::spawn(device.pool().size(3).start());
    settle().await;
    assert_eq!(device.open(), 3, "side by side");
    device.gate.add_permits(2);
    settle().await;
    device.gate.close();
    let PoolError::Connect(failure) = starting.await.unwrap().unwrap_err() else { panic!() };
    assert_eq!(failure.causes().map(ToString::to_string).collect::<Vec<_>>(), ["the gate is closed"]);
    assert_eq!((device.open(), device.goodbyes.load(std::sync::atomic::Ordering::SeqCst)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_degraded_start_heals_in_the_background() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Fails);
    let pool = device.pool().size(3).start_policy(StartPolicy::Degraded).start().await.unwrap();
    assert_eq!(pool.status().idle, 0);
    assert!(matches!(pool.get().await, Err(PoolError::Connect(_))));
    device.set(|moods| moods.connect = Mood::Works);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(pool.status().idle, 3);
}

#[tokio::test(start_paused = true)]
async fn a_degraded_start_lends_what_there_is() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let builder = device.pool().size(3).start_policy(StartPolicy::Degraded).connect_attempts(1);
    let starting = tokio::spawn(builder.start());
    settle().await;
    device.gate.add_permits(2);
    settle().await;
    device.gate.close();
    let pool = starting.await.unwrap().unwrap();
    assert_eq!((pool.status().idle, device.open()), (2, 2));
    drop((pool.get().await.unwrap(), pool.get().await.unwrap()));
    device.set(|moods| moods.connect = Mood::Works);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!((pool.status().idle, device.attempts(), device.most_open()), (3, 4, 3));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_further_and_further_apart_and_not_at_the_same_moments_in_two_pools() {
    use std::sync::{Arc, Mutex};
    let moments = [(), ()].map(|()| {
        let moments = Arc::new(Mutex::new(Vec::new()));
        let noted = moments.clone();
        let connect = move || {
            noted.lock().unwrap().push(Instant::now());
            std::future::ready(Err::<(), _>("no route"))
        };
        (moments, conn_share::AsyncPool::builder(connect).size(1).start_policy(StartPolicy::Degraded))
    });
    let mut gaps = Vec::new();
    for (moments, builder) in moments {
        let pool = builder.backoff(Duration::from_secs(1), Duration::from_secs(30)).start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        let moments = moments.lock().unwrap();
        gaps.push(moments.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect::<Vec<_>>());
        drop(pool);
    }
    for gaps in &gaps {
        for (n, gap) in gaps.iter().enumerate() {
            let most = (1000 << n.min(5)).min(30_000);
            // A timer's turn is a millisecond.
            assert!((most / 2..=most + 1).contains(gap), "{gaps:?}");
        }
    }
    assert_ne!(gaps[0], gaps[1]);
}

#[tokio::test(start_paused = true)]
async fn logins_refused_when_many_come_at_once_do_not_mean_that_the_device_is_down() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    // At most three logins at a time, as a small sshd.
    let at_once = Arc::new(AtomicUsize::new(0));
    let connector = move || {
        let at_once = at_once.clone();
        async move {
            let fits = at_once.fetch_add(1, SeqCst) < 3;
            tokio::task::yield_now().await;
            at_once.fetch_sub(1, SeqCst);
            if !fits {
                // The refusals come last, when nothing else is under way.
                settle().await;
            }
            if fits { Ok(()) } else { Err("connection reset by peer") }
        }
    };
    let pool = conn_share::AsyncPool::builder(connector).size(20).connect_concurrency(20).start().await.unwrap();
    assert_eq!(pool.status().idle, 20);
}

#[tokio::test(start_paused = true)]
async fn connects_under_way_are_bounded() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let _starting = tokio::spawn(device.pool().size(10).connect_concurrency(4).start());
    settle().await;
    assert_eq!(device.open(), 4);
    device.gate.add_permits(1);
    settle().await;
    assert_eq!(device.open(), 5);
    device.gate.add_permits(100);
    settle().await;
    assert_eq!(device.open(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_gives_every_cause_and_says_goodbye_to_those_that_were_open() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let (number, goodbyes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let connect = move || {
        let number = number.fetch_add(1, SeqCst);
        async move {
            match number {
                0 | 1 => Ok(number),
                2 => Err("permission denied"),
                3 => panic!("no route"),
                4 => std::future::pending().await,
                _ => Err("connection refused"),
            }
        }
    };
    let said = goodbyes.clone();
    let builder = conn_share::AsyncPool::builder(connect).size(5).disconnect(move |_| {
        let said = said.clone();
        async move {
            tokio::task::yield_now().await;
            said.fetch_add(1, SeqCst);
        }
    });
    let PoolError::Connect(failure) = builder.start().await.unwrap_err() else { panic!() };
    let causes: Vec<_> = failure.causes().map(ToString::to_string).collect();
    for cause in
        ["permission denied", "connecting panicked: no route", "no end of connecting within 30s", "connection refused"]
    {
        assert!(causes.iter().any(|said| said == cause), "{causes:?}");
    }
    let text = PoolError::Connect(failure).to_string();
    assert!(text.contains("permission denied") && text.contains("no route"), "{text}");
    assert_eq!(goodbyes.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn one_who_was_told_to_carry_on_and_leaves_tells_the_next() {
    let device = Device::new();
    let pool = orphan(device.pool().size(2).lazy());
    device.set(|moods| moods.connect = Mood::Waits);
    let mut first = Box::pin(pool.get());
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx).is_pending())).await);
    let second = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    settle().await;
    device.gate.add_permits(2);
    drop(first);
    settle().await;
    assert!(second.is_finished());
}

#[tokio::test(start_paused = true)]
async fn one_deadline_is_for_waiting_and_what_comes_after_it() {
    for (broken, phase) in [(false, PoolPhase::Checking), (true, PoolPhase::Connecting)] {
        let device = Device::new();
        let pool = device.pool().size(1).start().await.unwrap();
        let held = pool.get().await.unwrap();
        device.set(|moods| (moods.connect, moods.reset) = (Mood::Waits, Mood::Waits));
        let start = Instant::now();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.get_timeout(Duration::from_secs(5)).await.map(drop) }
        });
        tokio::time::sleep(Duration::from_secs(3)).await;
        if broken {
            held.break_it();
        }
        drop(held);
        let PoolError::Timeout(timeout) = waiting.await.unwrap().unwrap_err() else { panic!() };
        assert_eq!((timeout.phase(), start.elapsed().as_secs(), timeout.waited().as_secs()), (phase, 5, 5));
        // What was begun for it is the next one's.
        device.gate.add_permits(1);
        drop(pool.get_timeout(Duration::from_millis(1)).await.unwrap());
        assert_eq!(device.most_open(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_degraded_start_does_not_wait_for_more_than_one_attempt_each() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    // The fifth hangs, or fails; or all but the fifth come late.
    for (fifth, others, expected, idle) in [("hangs", 0, 7, 4), ("fails", 0, 0, 4), ("hangs", 9, 8, 1)] {
        let number = AtomicUsize::new(0);
        let connect = move || {
            let number = number.fetch_add(1, SeqCst);
            async move {
                match (number, fifth) {
                    (4, "hangs") => std::future::pending().await,
                    (4, _) => return Err("no line is free"),
                    (0..4, _) if others > 7 => return Err("not yet"),
                    _ if others > 7 => tokio::time::sleep(Duration::from_secs(1)).await,
                    _ => {}
                }
                Ok(())
            }
        };
        let builder = conn_share::AsyncPool::builder(connect).size(5).connect_timeout(Duration::from_secs(7));
        let builder = builder.connect_attempts(9).start_policy(StartPolicy::Degraded);
        let start = Instant::now();
        let pool = builder.start().await.unwrap();
        assert_eq!((start.elapsed().as_secs(), pool.status().idle), (expected, idle), "the fifth {fifth}");
        // The others follow by themselves.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(pool.status().idle, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_of_many_workers_names_every_cause() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = attempts.clone();
    let connect = move || {
        let number = count.fetch_add(1, SeqCst);
        async move {
            tokio::task::yield_now().await;
            Err::<(), _>(format!("cause {number}"))
        }
    };
    let error = conn_share::AsyncPool::builder(connect).size(40).connect_concurrency(40).start().await.unwrap_err();
    let PoolError::Connect(failure) = error else { panic!("{error}") };
    assert_eq!((failure.causes().count(), attempts.load(SeqCst)), (42, 42));
}
