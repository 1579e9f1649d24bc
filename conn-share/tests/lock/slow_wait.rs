//! A wait that lasts too long is reported once, with both parties by name.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Condvar, Mutex, Once};
use std::task::Poll;
use std::time::Duration;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::line::{poll_once, start, turn};

/// What the lock told us so far: it does so from a thread of its own.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NEWS: Condvar = Condvar::new();

struct Listener;

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "conn_share::lock"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        let poison = text.0.contains("Poison::");
        TOLD.lock().unwrap().push(text.0);
        NEWS.notify_all();
        assert!(!poison, "a subscriber that panics");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        write!(self.0, "; {field}={value:?}").unwrap();
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

fn told(about: &str) -> Vec<String> {
    TOLD.lock().unwrap().iter().filter(|text| text.contains(about)).cloned().collect()
}

/// Waits until something was said about `about`.
fn wait_for(about: &str) -> Vec<String> {
    let told = TOLD.lock().unwrap();
    let silent = |told: &mut Vec<String>| !told.iter().any(|text| text.contains(about));
    let (told, timeout) = NEWS.wait_timeout_while(told, Duration::from_secs(30), silent).unwrap();
    assert!(!timeout.timed_out(), "not a word about {about}");
    told.iter().filter(|text| text.contains(about)).cloned().collect()
}

/// A type of its own for each test, so that its warnings are told from the others'.
macro_rules! connection {
    ($name:ident) => {
        #[derive(Lockable)]
        #[lockable(accept_interrupted)]
        struct $name {
            lock: ConnLock,
            gate: Notify,
        }

        impl $name {
            fn new() -> Self {
                listen();
                Self { lock: ConnLock::new(()).with_slow_wait(Duration::from_millis(1)), gate: Notify::new() }
            }
        }

        #[locked]
        impl $name {
            async fn hold(&self) -> Result<(), LockError> {
                self.gate.notified().await;
                Ok(())
            }

            async fn call(&self) -> Result<(), LockError> {
                Ok(())
            }
        }
    };
}

connection!(Silent);

#[tokio::test]
async fn a_holder_that_nobody_polls_is_named_once() {
    let silent = Silent::new();
    let (mut holder, mut waiter) = (pin!(silent.hold()), pin!(silent.call()));
    assert!(poll_once(holder.as_mut()).is_pending());
    assert!(poll_once(waiter.as_mut()).is_pending());
    let warnings = wait_for("Silent::");
    assert!(warnings[0].starts_with("WARN"), "{warnings:?}");
    assert!(warnings[0].contains("waiter=Silent::call (conn-share/tests/lock/slow_wait.rs:"), "{warnings:?}");
    assert!(warnings[0].contains("holder=Silent::hold (conn-share/tests/lock/slow_wait.rs:"), "{warnings:?}");
    assert!(warnings[0].contains("nobody polls it"), "{warnings:?}");
    // The watchdog comes by again and again; a second wait is a sign that it has.
    let again = Again::new();
    for _ in 0..3 {
        let (mut holder, mut waiter) = (pin!(again.hold()), pin!(again.call()));
        assert!(poll_once(holder.as_mut()).is_pending());
        assert!(poll_once(waiter.as_mut()).is_pending());
        wait_for("Again::");
        TOLD.lock().unwrap().retain(|text| !text.contains("Again::"));
    }
    assert_eq!(told("Silent::").len(), 1, "one warning a wait");
}

connection!(Again);

connection!(Select);

#[tokio::test]
async fn a_lock_given_to_a_branch_that_nobody_polls_is_said_to_be_so() {
    let select = Select::new();
    let mut holder = pin!(select.hold());
    assert!(poll_once(holder.as_mut()).is_pending());
    // A branch of a `select!` kept by reference: queued, and then left alone.
    let mut kept = pin!(select.exclusive(async {}));
    tokio::select! {
        biased;
        _ = kept.as_mut() => unreachable!("the lock is held"),
        () = turn() => {}
    }
    select.gate.notify_one();
    holder.await.unwrap();
    let mut waiter = pin!(select.call());
    assert!(poll_once(waiter.as_mut()).is_pending(), "it holds its place");
    let warning = wait_for("waiter=Select::call").remove(0);
    assert!(warning.contains("next=exclusive (conn-share/tests/lock/slow_wait.rs:"), "{warning}");
    assert!(warning.contains("select!"), "{warning}");
    kept.await.unwrap();
    waiter.await.unwrap();
}

connection!(Siblings);

#[tokio::test]
async fn a_sibling_is_not_told_that_its_busy_sibling_is_not_polled() {
    let siblings = Siblings::new();
    siblings
        .exclusive(async {
            let (mut first, mut second) = (pin!(siblings.hold()), pin!(siblings.call()));
            assert!(start(first.as_mut()).await.is_pending());
            assert!(start(second.as_mut()).await.is_pending());
            let warning = poll_fn(|cx| {
                assert!(first.as_mut().poll(cx).is_pending());
                cx.waker().wake_by_ref();
                told("Siblings::call").pop().map_or(Poll::Pending, Poll::Ready)
            })
            .await;
            assert!(warning.contains("Siblings::hold"), "the one that has the turn: {warning}");
            assert!(!warning.contains("was not polled"), "{warning}");
        })
        .await
        .unwrap();
}

connection!(Poison);
connection!(Survivor);

#[tokio::test]
async fn a_subscriber_that_panics_silences_nobody_else() {
    let poison = Poison::new();
    let (mut holder, mut waiter) = (pin!(poison.hold()), pin!(poison.call()));
    assert!(poll_once(holder.as_mut()).is_pending());
    assert!(poll_once(waiter.as_mut()).is_pending());
    wait_for("Poison::");
    let survivor = Survivor::new();
    let (mut holder, mut waiter) = (pin!(survivor.hold()), pin!(survivor.call()));
    assert!(poll_once(holder.as_mut()).is_pending());
    assert!(poll_once(waiter.as_mut()).is_pending());
    wait_for("Survivor::");
}
