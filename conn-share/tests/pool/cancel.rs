//! Every public future is dropped after every number of polls, in every combination of what it can wait for: the
//! pool's status is as before, and the next request is served.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Waker};
use std::time::Duration;

use conn_share::{AsyncPool, PoolError, WorkerGuard};

use crate::lab::{Device, Line, Mood, orphan, settle};

/// Polls `future` at most `n` times, others running in between; `None` when it was dropped unfinished.
async fn poll_and_drop<F: Future>(future: F, n: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..n {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        settle().await;
    }
    None
}

/// What a request finds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Case {
    /// All workers are on loan.
    exhausted: bool,
    /// The pool has not connected yet.
    lazy: bool,
    /// The worker broke while it was idle.
    broken: bool,
    /// The runtime of the background task has ended.
    orphan: bool,
    connect: Mood,
    check: Mood,
    reset: Mood,
    disconnect: Mood,
}

fn cases() -> Vec<Case> {
    let (steps, goodbyes) = ([Mood::Yields, Mood::Waits], [Mood::Works, Mood::Waits]);
    let mut cases = Vec::new();
    for bits in 0..256 {
        let bit = |n: usize| bits >> n & 1;
        let [exhausted, lazy, broken, orphan] = [0, 1, 2, 3].map(|n| bit(n) == 1);
        let [connect, check, reset] = [4, 5, 6].map(|n| steps[bit(n)]);
        let disconnect = goodbyes[bit(7)];
        cases.push(Case { exhausted, lazy, broken, orphan, connect, check, reset, disconnect });
    }
    cases
}

async fn prepare(device: &std::sync::Arc<Device>, case: Case) -> AsyncPool<Line> {
    let builder = device.pool().size(2).check_after(Duration::ZERO).backoff(Duration::ZERO, Duration::ZERO);
    let builder = if case.lazy { builder.lazy() } else { builder };
    let pool = if case.orphan { orphan(builder) } else { builder.start().await.unwrap() };
    if case.broken && !case.lazy {
        let guard = pool.get().await.unwrap();
        let broken = guard.broken.clone();
        drop(guard);
        settle().await;
        broken.store(true, SeqCst);
    }
    device.set(|moods| {
        moods.connect = case.connect;
        moods.check = case.check;
        moods.reset = case.reset;
        moods.disconnect = case.disconnect;
    });
    pool
}

async fn get_is_cut(case: Case, n: usize) -> bool {
    let device = Device::new();
    let pool = prepare(&device, case).await;
    let held = if case.exhausted {
        device.gate.add_permits(1000);
        Some((pool.get().await.unwrap(), pool.get().await.unwrap()))
    } else {
        None
    };
    device.gate.forget_permits(usize::MAX >> 4);
    let before = pool.status();
    let finished = poll_and_drop(pool.get(), n).await;
    let done = matches!(finished, Some(Ok(_)));
    drop(finished);
    let after = pool.status();
    assert_eq!(
        (after.waiting, after.on_loan, after.size),
        (0, before.on_loan, before.size),
        "{case:?} after {n} polls"
    );
    assert!(device.most_open() <= 2, "{case:?} after {n} polls");
    // The next ones are served, as many as the pool is large.
    drop(held);
    device.gate.add_permits(1000);
    let one = pool.get_timeout(Duration::from_secs(1)).await;
    let two = pool.get_timeout(Duration::from_secs(1)).await;
    assert!(one.is_ok() && two.is_ok(), "{case:?} after {n} polls: {one:?} {two:?}");
    assert_eq!(pool.status().on_loan, 2);
    assert!(device.most_open() <= 2, "{case:?} after {n} polls");
    done
}

#[tokio::test(start_paused = true)]
async fn get_is_cut_at_every_poll_in_every_combination() {
    let mut finished = 0;
    for case in cases() {
        for n in 0..8 {
            if get_is_cut(case, n).await {
                finished += 1;
                break;
            }
        }
    }
    assert!(finished > 30, "only {finished} requests were ever served: the cases are not what they seem");
}

/// What happens to a worker on loan while a request waits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Return {
    Well,
    Broken,
    Discarded,
    Detached,
    /// Too many, since the pool is made smaller meanwhile; afterwards it is made larger again.
    Surplus,
}

/// `n` polls, the worker comes back after `k` of them.
async fn get_is_cut_when_a_worker_comes_back(back: Return, case: Case, n: usize, k: usize) {
    let device = Device::new();
    let pool = prepare(&device, case).await;
    device.gate.add_permits(1000);
    let mut held = vec![pool.get().await.unwrap(), pool.get().await.unwrap()];
    device.gate.forget_permits(usize::MAX >> 4);
    let mut detached = None;
    {
        let mut get = pin!(pool.get());
        for poll in 0..=n {
            if poll == k {
                let worker = held.remove(0);
                match back {
                    Return::Well => drop(worker),
                    Return::Broken => {
                        worker.break_it();
                        drop(worker);
                    }
                    Return::Discarded => WorkerGuard::discard(worker),
                    Return::Detached => detached = Some(WorkerGuard::detach(worker)),
                    Return::Surplus => {
                        pool.resize(1);
                        drop(worker);
                    }
                }
                settle().await;
            }
            if poll < n && get.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
            settle().await;
        }
    }
    let what = || format!("{back:?} {case:?} after {k} of {n} polls");
    pool.resize(2);
    let status = pool.status();
    assert_eq!((status.waiting, status.on_loan, status.size), (0, held.len(), 2), "{}", what());
    device.gate.add_permits(1000);
    drop(held);
    let one = pool.get_timeout(Duration::from_secs(1)).await;
    let two = pool.get_timeout(Duration::from_secs(1)).await;
    assert!(one.is_ok() && two.is_ok(), "{}: {one:?} {two:?}", what());
    assert!(pool.try_get().is_err(), "{}", what());
    assert!(device.most_open() <= 2 + usize::from(detached.is_some()), "{}", what());
}

#[tokio::test(start_paused = true)]
async fn get_is_cut_at_every_poll_while_workers_come_back() {
    let returns = [Return::Well, Return::Broken, Return::Discarded, Return::Detached, Return::Surplus];
    for case in cases().into_iter().filter(|case| !case.exhausted && !case.broken) {
        for back in returns {
            for n in 0..6 {
                for k in 0..=n {
                    get_is_cut_when_a_worker_comes_back(back, case, n, k).await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_is_cut_in_every_combination_and_another_one_ends_it() {
    let mut cut = 0;
    for case in cases() {
        for n in 0..4 {
            let device = Device::new();
            let pool = prepare(&device, case).await;
            device.gate.add_permits(1000);
            // One is on loan, one is being reset or connected, some wait.
            let held = pool.get().await.unwrap();
            device.gate.forget_permits(usize::MAX >> 4);
            let mut waiting: Vec<_> = (0..if case.exhausted { 3 } else { 1 }).map(|_| Box::pin(pool.get())).collect();
            for get in &mut waiting {
                if let std::task::Poll::Ready(got) = get.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    drop(got.unwrap());
                }
            }
            let done = poll_and_drop(pool.close(), n).await;
            cut += usize::from(done.is_none());
            assert_eq!(pool.is_closed(), n > 0);
            let closing = async {
                device.gate.add_permits(1000);
                drop(held);
                pool.close_timeout(Duration::from_secs(5)).await
            };
            let drained = closing.await;
            assert!(drained.is_clean(), "{case:?} after {n} polls: {drained:?}");
            assert_eq!(device.open(), 0, "{case:?} after {n} polls");
            assert!(device.most_open() <= 2, "{case:?} after {n} polls");
            let status = pool.status();
            assert_eq!((status.idle, status.on_loan, status.connecting, status.closing), (0, 0, 0, 0));
            drop(waiting);
        }
    }
    assert!(cut > 500, "only {cut} were cut: the cases are not what they seem");
}

#[tokio::test(start_paused = true)]
async fn a_timed_get_is_cut_at_every_poll() {
    for n in 0..6 {
        let device = Device::new();
        let pool = device.pool().size(1).timeout(Duration::from_secs(5)).start().await.unwrap();
        let held = pool.get().await.unwrap();
        assert!(poll_and_drop(pool.get(), n).await.is_none());
        // The one that was cut may have been the one whose deadline the alarm was set to.
        let start = tokio::time::Instant::now();
        assert!(pool.get_timeout(Duration::from_secs(7)).await.unwrap_err().is_timeout());
        assert_eq!(start.elapsed().as_secs(), 7);
        drop(held);
        drop(pool.get().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn start_is_cut_at_every_poll() {
    for n in 0..8 {
        for connect in [Mood::Yields, Mood::Waits] {
            let device = Device::new();
            device.set(|moods| moods.connect = connect);
            let started = poll_and_drop(device.pool().size(3).start(), n).await;
            drop(started);
            settle().await;
            assert_eq!(device.open(), 0, "{connect:?} after {n} polls");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_is_cut_at_every_poll_and_goes_on_in_the_background() {
    for n in 1..8 {
        for disconnect in [Mood::Works, Mood::Yields, Mood::Waits] {
            let device = Device::new();
            let pool = device.pool().size(3).start().await.unwrap();
            let held = pool.get().await.unwrap();
            device.set(|moods| moods.disconnect = disconnect);
            drop(poll_and_drop(pool.close(), n).await);
            assert!(pool.is_closed());
            drop(held);
            device.gate.add_permits(10);
            settle().await;
            settle().await;
            assert_eq!(device.open(), 0, "{disconnect:?} after {n} polls");
            assert_eq!(device.goodbyes.load(SeqCst), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_its_answer_is_out_of_the_line_however_long_it_is_kept() {
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Fails);
    let pool = device.pool().size(1).lazy().connect_attempts(1).start().await.unwrap();
    let mut refused = pin!(pool.get());
    assert!(matches!(refused.as_mut().await, Err(PoolError::Connect(_))));
    assert_eq!(pool.status().waiting, 0);
    device.set(|moods| moods.connect = Mood::Works);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let held = pool.get().await.unwrap();
    let mut late = pin!(pool.get_timeout(Duration::from_secs(1)));
    assert!(late.as_mut().await.unwrap_err().is_timeout());
    assert_eq!(pool.status().waiting, 0);
    drop(held);
    drop(pool.get().await.unwrap());
}
