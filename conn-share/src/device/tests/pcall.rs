//! Calls side by side.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::fake::{Fake, Peer, device, poll_times};
use crate::{ConnectOptions, Device, Error, ErrorKind, Progress, Unfinished, pcall};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_of_the_arguments() {
    let results = pcall([3u32, 1, 2, 0], |n| async move {
        sleep(n * SECOND).await;
        if n == 1 { Err(n) } else { Ok(n) }
    })
    .await;
    assert_eq!(results, [Ok(3), Err(1), Ok(2), Ok(0)]);
    let none: Vec<Result<u32, Infallible>> = pcall([], |n: u32| async move { Ok(n) }).await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_script_reads_as_it_should() {
    let _peer = Peer::at("script");
    let device = device("script").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    let results = pcall(["show version", "show ip route"], |cmd| device.execute(cmd)).await;
    let texts: Vec<String> = results.into_iter().map(|result| result.expect("answers").into_text()).collect();
    assert_eq!(texts, ["show version by r1 via a", "show ip route by r1 via a"]);
    let owned = vec![String::from("one"), String::from("two")];
    let results = pcall(&owned, |cmd| device.execute(cmd)).limit(1).timeout(SECOND).await;
    assert!(results.iter().all(Result::is_ok));
    // May run in a task of its own, too.
    let spawned = tokio::spawn(async move { pcall(owned, |cmd| device.execute(cmd)).await });
    assert_eq!(spawned.await.expect("no panic").len(), 2);
}

#[tokio::test]
async fn many_devices_in_one_call() {
    let _peer = Peer::at("many");
    let devices: Vec<Device> = (0..4).map(|_| device("many").build().expect("valid")).collect();
    for result in pcall(&devices, |device| device.connect::<Fake>(ConnectOptions::via("b"))).await {
        result.expect("connects");
    }
    let commands = ["x", "y"];
    let pairs = devices.iter().flat_map(|device| commands.map(|command| (device, command)));
    let results = pcall(pairs, |(device, command)| device.execute(command)).await;
    assert_eq!(results.len(), 8);
    assert_eq!(results[5].as_ref().expect("answers"), "y by r1 via b");
}

#[tokio::test]
async fn calls_that_never_wait_let_others_run() {
    for limit in [1, usize::MAX] {
        let other = tokio::spawn(async {});
        let results = pcall(0..1000, |_| async { Ok::<_, Infallible>(other.is_finished()) }).limit(limit).await;
        let before = results.iter().filter(|result| **result == Ok(false)).count();
        assert!(other.is_finished() && (1..1000).contains(&before), "{before}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_cannot_fail_give_what_they_return() {
    let results = pcall([3u32, 1, 2], |n| async move {
        sleep(n * SECOND).await;
        n
    })
    .limit(2)
    .await;
    assert_eq!(results, [3, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_at_a_time() {
    for (limit, most) in [(1, 1), (3, 3), (100, 10), (0, 1)] {
        let running = Cell::new(0);
        let peak = Cell::new(0);
        let results = pcall(0..10u64, |n| {
            let (running, peak) = (&running, &peak);
            async move {
                running.set(running.get() + 1);
                peak.set(peak.get().max(running.get()));
                sleep(Duration::from_millis(n * 7 % 5 + 1)).await;
                running.set(running.get() - 1);
                Ok::<_, Infallible>(n)
            }
        })
        .limit(limit)
        .await;
        assert_eq!(results, (0..10).map(Ok).collect::<Vec<_>>());
        assert_eq!(peak.get(), most, "limit {limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_own_time_from_its_own_start() {
    let start = Instant::now();
    let results = pcall([1u32, 9, 1, 1], |n| async move {
        sleep(n * SECOND).await;
        Ok::<_, io::Error>(n)
    })
    .limit(1)
    .timeout(2 * SECOND)
    .await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    let error = results[1].as_ref().expect_err("too slow");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the call did not finish within 2s");
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_finished_keep_their_results() {
    let results = pcall([1u32, 9, 1, 1], |n| async move {
        sleep(n * SECOND).await;
        Ok::<_, Unfinished>(n)
    })
    .limit(2)
    .deadline(2 * SECOND + SECOND / 2)
    .await;
    let limit = 2 * SECOND + SECOND / 2;
    assert_eq!(results[..3], [Ok(1), Err(Unfinished::Deadline { limit, started: true }), Ok(1)]);
    assert_eq!(results[3], Err(Unfinished::Deadline { limit, started: true }));
    let results = pcall([9u32, 9], |n| async move {
        sleep(n * SECOND).await;
        Ok::<_, Error>(n)
    })
    .limit(1)
    .deadline(SECOND)
    .await;
    let errors: Vec<&Error> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(errors.iter().all(|error| error.is_timeout()));
    assert_eq!(errors.iter().map(|error| error.was_sent()).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn stops_at_the_first_error_on_request() {
    let calls = RefCell::new(Vec::new());
    let results = pcall([5u32, 1, 2, 3], |n| {
        calls.borrow_mut().push(n);
        async move {
            sleep(n * SECOND).await;
            if n == 2 { Err(Error::new(ErrorKind::Refused, "no")) } else { Ok(n) }
        }
    })
    .limit(2)
    .stop_on_error()
    .await;
    let kinds: Vec<_> = results.iter().map(|result| result.as_ref().map_err(Error::kind).copied()).collect();
    assert_eq!(kinds, [Err(ErrorKind::Stopped), Ok(1), Err(ErrorKind::Refused), Err(ErrorKind::Stopped)]);
    assert_eq!(*calls.borrow(), [5, 1, 2], "the last was never started");
    assert!(results[0].as_ref().is_err_and(Error::was_sent));
    assert!(!results[3].as_ref().is_err_and(Error::was_sent));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_once_for_every_result() {
    let mut told: Vec<Progress> = Vec::new();
    let results = pcall([2u32, 1, 9], |n| async move {
        sleep(n * SECOND).await;
        Ok::<_, Unfinished>(n)
    })
    .on_progress(|progress| told.push(progress))
    .timeout(5 * SECOND)
    .await;
    assert_eq!(results.len(), 3);
    let told: Vec<_> = told.iter().map(|p| (p.index, p.ok, p.done, p.failed, p.total)).collect();
    assert_eq!(told, [(1, true, 1, 0, 3), (0, true, 2, 0, 3), (2, false, 3, 1, 3)]);
}

#[tokio::test]
async fn dropped_anywhere_everything_stops() {
    for polls in 0.. {
        let workers = Rc::new(Semaphore::new(2));
        let started = Cell::new(0);
        let call = pcall(0..6, |n| {
            started.set(started.get() + 1);
            let workers = workers.clone();
            async move {
                let _worker = workers.acquire().await;
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(n)
            }
        });
        let finished = poll_times(call.limit(4).into_future(), polls).await;
        assert_eq!(workers.available_permits(), 2, "after {polls} polls");
        assert_eq!(Rc::strong_count(&workers), 1, "nothing of a call is left after {polls} polls");
        if let Some(results) = finished {
            assert_eq!(results, (0..6).map(Ok).collect::<Vec<_>>());
            assert!(polls > 3, "there was something to cut");
            return;
        }
        assert!(started.get() < 6 || polls > 0);
        assert!(polls < 1000, "no end");
    }
}

#[tokio::test]
async fn a_panic_passes_through_and_drops_the_others() {
    let alive = Rc::new(());
    let held = alive.clone();
    let call = std::panic::AssertUnwindSafe(async move {
        pcall(0..3, |n| {
            let held = held.clone();
            async move {
                tokio::task::yield_now().await;
                assert_ne!(n, 1, "told to");
                std::future::pending::<()>().await;
                drop(held);
                Ok::<_, Infallible>(())
            }
        })
        .await
    });
    assert!(futures_util::FutureExt::catch_unwind(call).await.is_err());
    assert_eq!(Rc::strong_count(&alive), 1);
}
