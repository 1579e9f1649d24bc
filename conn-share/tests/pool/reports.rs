//! What the pool says by itself: a task that waits for itself, a loan that lasts.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_share::PoolError;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::lab::{Device, Mood, numbers, settle};

/// Writes down warnings, or everything.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>, bool);

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl tracing::Subscriber for Notes {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN || (self.1 && metadata.target().starts_with("conn_share"))
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        self.0.lock().unwrap().push(words.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

const SELF_WAIT: &str = "every worker was taken by the task that waits for another";

#[tokio::test(start_paused = true)]
async fn a_task_that_has_every_worker_and_waits_for_another_is_warned_about() {
    // In a task, and where there is none, as in `main`.
    for in_task in [true, false] {
        let notes = Notes::default();
        let _listening = tracing::subscriber::set_default(notes.clone());
        let pool = numbers(2).timeout(Duration::from_secs(5)).start().await.unwrap();
        let alone = {
            let pool = pool.clone();
            async move {
                let held = (pool.get().await.unwrap(), pool.get().await.unwrap());
                let PoolError::Timeout(timeout) = pool.get().await.unwrap_err() else { panic!() };
                assert!(
                    timeout.all_taken_by_caller() && timeout.to_string().contains("by the one who waited"),
                    "{timeout}"
                );
                held
            }
        };
        let held = if in_task { tokio::spawn(alone).await.unwrap() } else { alone.await };
        let said = notes.0.lock().unwrap().join("\n");
        assert_eq!(said.matches(SELF_WAIT).count(), 1, "{said}");
        assert!(said.contains("reports.rs:"), "{said}");
        // One that waits for others is not.
        let other = tokio::spawn({
            let pool = pool.clone();
            async move {
                let PoolError::Timeout(timeout) = pool.get().await.unwrap_err() else { panic!() };
                assert!(!timeout.all_taken_by_caller());
            }
        });
        other.await.unwrap();
        assert_eq!(notes.0.lock().unwrap().len(), 1);
        drop(held);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_uses_its_workers_side_by_side_is_not_warned_about() {
    let notes = Notes::default();
    let _listening = tracing::subscriber::set_default(notes.clone());
    let pool = numbers(2).start().await.unwrap();
    let calls = tokio::spawn({
        let pool = pool.clone();
        async move {
            let calls = (0..10).map(|_| async {
                let _worker = pool.get().await.unwrap();
                tokio::time::sleep(Duration::from_millis(400)).await;
            });
            futures::future::join_all(calls).await;
        }
    });
    calls.await.unwrap();
    // Nor one that hands them out.
    let dispatcher = tokio::spawn(async move {
        for _ in 0..10 {
            let worker = pool.get().await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(900)).await;
                drop(worker);
            });
        }
    });
    dispatcher.await.unwrap();
    assert_eq!(*notes.0.lock().unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_who_begins_to_wait_for_himself_behind_another_is_warned_about_as_well() {
    let notes = Notes::default();
    let _listening = tracing::subscriber::set_default(notes.clone());
    let pool = numbers(1).start().await.unwrap();
    let task = tokio::spawn(async move {
        let _held = pool.get().await.unwrap();
        // The first gives up before it could be told.
        assert!(pool.get_timeout(Duration::from_millis(500)).await.is_err());
        assert!(pool.get_timeout(Duration::from_secs(5)).await.is_err());
    });
    task.await.unwrap();
    assert_eq!(notes.0.lock().unwrap().join("").matches(SELF_WAIT).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_loan_is_reported_once_with_the_place_that_took_it() {
    let notes = Notes::default();
    let _listening = tracing::subscriber::set_default(notes.clone());
    let pool = numbers(2).report_loans_after(Duration::from_secs(60)).start().await.unwrap();
    let held = pool.get().await.unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(notes.0.lock().unwrap().len(), 0);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let said = notes.0.lock().unwrap().clone();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("a worker is on loan for long") && said[0].contains("reports.rs:"), "{said:?}");
    let status = pool.status();
    assert_eq!(status.oldest_loan.unwrap().held.as_secs(), 350);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_told_as_well() {
    let notes = Notes(Arc::default(), true);
    let _listening = tracing::subscriber::set_default(notes.clone());
    let device = Device::new();
    let pool = device.pool().size(1).start().await.unwrap();
    let held = pool.get().await.unwrap();
    assert!(pool.get_timeout(Duration::from_secs(1)).await.is_err());
    device.set(|moods| moods.connect = Mood::Fails);
    pool.resize(2);
    settle().await;
    drop(held);
    pool.close().await;
    let said = notes.0.lock().unwrap().join("\n");
    for event in [
        "a worker is connected worker=1",
        "a request for a worker timed out place=",
        "phase=waiting waited=1",
        "a pool changes its size from=1 to=2",
        "connecting a worker failed cause=the device refuses to connect",
        "a pool closes",
        "a worker is disconnected worker=1",
    ] {
        assert!(said.contains(event), "{event}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_adds_up_at_any_moment() {
    let device = Device::new();
    device.set(|moods| {
        (moods.connect, moods.reset, moods.disconnect) = (Mood::Yields, Mood::Yields, Mood::Yields);
    });
    let pool = device.pool().size(4).start().await.unwrap();
    let tasks: Vec<_> = (0..6)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for use_no in 0..300 {
                    let worker = pool.get().await.unwrap();
                    if (use_no + n) % 11 == 0 {
                        worker.break_it();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut lent = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        let status = pool.status();
        let alive = status.idle + status.on_loan + status.connecting + status.tending + status.closing;
        assert!(alive <= 4 && status.size == 4, "{status:?}");
        assert_eq!(status.oldest_loan.is_some(), status.on_loan > 0, "{status:?}");
        assert!(status.counters.lent >= lent, "{status:?}");
        lent = status.counters.lent;
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(pool.status().counters.lent, 1800);
}
