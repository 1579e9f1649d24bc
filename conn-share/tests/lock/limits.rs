//! Bounded waits, closing, and what can be asked from outside.

use std::sync::Arc;
use std::time::Duration;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::line::{Line, poll_once, start};

#[derive(Lockable)]
#[lockable(accept_interrupted)]
struct Timed {
    lock: ConnLock,
    gate: Notify,
}

impl Timed {
    fn new(limit: Duration) -> Self {
        Self { lock: ConnLock::new(()).with_timeout(limit), gate: Notify::new() }
    }
}

#[locked]
impl Timed {
    async fn hold(&self) -> Result<(), LockError> {
        self.gate.notified().await;
        Ok(())
    }

    async fn call(&self) -> Result<(), LockError> {
        Ok(())
    }

    #[locked(timeout = "2s")]
    async fn hurried(&self) -> Result<(), LockError> {
        Ok(())
    }

    async fn patient(&self) -> usize {
        7
    }

    #[locked(timeout = "2s")]
    async fn io(&self) -> std::io::Result<()> {
        Ok(())
    }
}

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_limit_and_names_the_holder() {
    let timed = Timed::new(LIMIT);
    let mut holder = Box::pin(timed.hold());
    assert!(poll_once(holder.as_mut()).is_pending());
    let began = Instant::now();
    let LockError::Timeout(timeout) = timed.call().await.unwrap_err() else { panic!("another error") };
    assert_eq!(began.elapsed(), LIMIT);
    assert_eq!(timeout.limit(), LIMIT);
    let named = timeout.holder().unwrap();
    assert_eq!(named.method(), "Timed::hold");
    assert!(named.file().ends_with("tests/lock/limits.rs"));
    assert!(named.line() > 0);
    assert!(named.held_for_at_least() >= LIMIT, "it was held during the whole wait");
    assert!(timeout.to_string().contains("Timed::call"), "{timeout}");
    assert!(timeout.to_string().contains("held by Timed::hold"), "{timeout}");
    assert_eq!(timed.lock.waiters(), 0);
    timed.gate.notify_one();
    holder.await.unwrap();
    timed.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_method_s_own_limit_goes_before_the_lock_s_and_none_needs_a_result() {
    let timed = Timed::new(LIMIT);
    let mut holder = Box::pin(timed.hold());
    assert!(poll_once(holder.as_mut()).is_pending());
    let began = Instant::now();
    assert!(timed.hurried().await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(timed.io().await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    // No `Result`, no limit.
    assert!(tokio::time::timeout(10 * LIMIT, timed.patient()).await.is_err());
    timed.gate.notify_one();
    holder.await.unwrap();
    assert_eq!(timed.patient().await, 7);
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_from_the_first_poll_over_all_holders() {
    let timed = Arc::new(Timed::new(LIMIT));
    let mut first = Box::pin(timed.hold());
    let mut second = Box::pin(timed.hold());
    assert!(poll_once(first.as_mut()).is_pending());
    let wait = tokio::spawn({
        let timed = Arc::clone(&timed);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let began = Instant::now();
            (timed.call().await, began.elapsed())
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(poll_once(second.as_mut()).is_pending());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    timed.gate.notify_one();
    first.await.unwrap();
    assert!(poll_once(second.as_mut()).is_pending(), "now inside");
    let (result, waited) = wait.await.unwrap();
    let LockError::Timeout(timeout) = result.unwrap_err() else { panic!("another error") };
    assert_eq!(waited, LIMIT);
    assert!(timeout.holder().unwrap().held_for_at_least() < LIMIT, "this one came later than we did");
}

#[tokio::test(start_paused = true)]
async fn a_sibling_s_wait_is_bounded_too() {
    let timed = Timed::new(LIMIT);
    timed
        .exclusive(async {
            let mut first = Box::pin(timed.hold());
            assert!(start(first.as_mut()).await.is_pending());
            let began = Instant::now();
            let LockError::Timeout(timeout) = timed.call().await.unwrap_err() else { panic!("another error") };
            assert_eq!(began.elapsed(), LIMIT);
            let holder = timeout.holder().unwrap();
            assert!(holder.method().ends_with("::hold"), "the one that has the turn: {timeout}");
            assert!(holder.held_for_at_least() >= LIMIT, "all the time: {timeout}");
            timed.gate.notify_one();
            first.await.unwrap();
            timed.call().await.unwrap();
        })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_granted_at_its_limit_loses_nothing() {
    let timed = Timed::new(LIMIT);
    let mut holder = Box::pin(timed.hold());
    let mut edge = Box::pin(timed.call());
    let mut next = Box::pin(timed.patient());
    assert!(poll_once(holder.as_mut()).is_pending());
    assert!(poll_once(edge.as_mut()).is_pending());
    assert!(poll_once(next.as_mut()).is_pending());
    tokio::time::advance(2 * LIMIT).await;
    timed.gate.notify_one();
    holder.await.unwrap();
    edge.await.expect("it has the lock, late as it is");
    assert_eq!(next.await, 7);
}

#[test]
fn without_a_limit_no_timer_is_needed() {
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bare.block_on(async {
        let line = Arc::new(Line::default());
        let mut holder = Box::pin(line.wait());
        assert!(poll_once(holder.as_mut()).is_pending());
        let waiter = tokio::spawn({
            let line = Arc::clone(&line);
            async move { line.note(1).await }
        });
        while line.lock.waiters() == 0 {
            tokio::task::yield_now().await;
        }
        line.gate.notify_one();
        holder.await.unwrap();
        waiter.await.unwrap().unwrap();
    });
}

#[tokio::test]
async fn close_tells_all_who_wait_and_all_who_come() {
    let line = Line::default();
    let mut holder = Box::pin(line.exclusive(async {
        line.wait().await?;
        line.note(1).await
    }));
    assert!(poll_once(holder.as_mut()).is_pending());
    let mut waiters: Vec<_> = (0..10).map(|name| Box::pin(line.step(name))).collect();
    for waiter in &mut waiters {
        assert!(poll_once(waiter.as_mut()).is_pending());
    }
    line.lock.close();
    assert!(line.lock.is_closed());
    for waiter in waiters {
        assert!(waiter.await.unwrap_err().is_closed());
    }
    assert!(line.note(2).await.unwrap_err().is_closed());
    assert_eq!(line.lock.waiters(), 0);
    // Who is in may finish, and call further.
    line.gate.notify_one();
    holder.await.unwrap().unwrap();
    assert!(line.note(2).await.unwrap_err().is_closed());
    assert!(line.lock.holder().is_none());
    assert_eq!(line.lock.into_state(), [1]);
}

#[tokio::test]
async fn close_reaches_one_that_the_lock_was_given_to() {
    let line = Line::default();
    let mut holder = Box::pin(line.wait());
    assert!(poll_once(holder.as_mut()).is_pending());
    let mut given = Box::pin(line.note(1));
    assert!(poll_once(given.as_mut()).is_pending());
    line.gate.notify_one();
    holder.await.unwrap();
    line.lock.close();
    assert!(given.await.unwrap_err().is_closed());
    assert!(line.lock.holder().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_wakes_tasks_that_sleep() {
    let line = Arc::new(Line::default());
    let mut holder = Box::pin(line.wait());
    assert!(poll_once(holder.as_mut()).is_pending());
    let tasks: Vec<_> = (0..50)
        .map(|name| {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.note(name).await })
        })
        .collect();
    while line.lock.waiters() < 50 {
        tokio::task::yield_now().await;
    }
    line.lock.close();
    for task in tasks {
        assert!(task.await.unwrap().unwrap_err().is_closed());
    }
}

#[tokio::test]
async fn holder_names_the_outermost_method_until_the_last_section_ends() {
    let line = Line::default();
    assert!(line.lock.holder().is_none());
    let mut section = Box::pin(line.around(line.wait()));
    assert!(line.lock.holder().is_none(), "not polled yet");
    assert!(poll_once(section.as_mut()).is_pending());
    assert_eq!(line.lock.holder().unwrap().method(), "Line::around");
    assert_eq!(line.lock.waiters(), 0);
    let mut waiter = Box::pin(line.note(1));
    assert!(poll_once(waiter.as_mut()).is_pending());
    assert_eq!(line.lock.waiters(), 1);
    assert!(format!("{:?}", line.lock).contains("waiters: 1"));
    drop(waiter);
    assert_eq!(line.lock.waiters(), 0);
    drop(section);
    assert!(line.lock.holder().is_none());
}
