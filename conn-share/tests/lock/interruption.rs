//! A section cut off half-way, and what puts the instance back in order.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use futures::FutureExt;
use tokio::sync::Notify;

use crate::line::{poll_once, turn};

/// What `recover` does next; without an entry it succeeds.
#[derive(Clone, Copy)]
enum Recovery {
    Fail,
    Panic,
    Hang,
}

#[derive(Lockable, Default)]
#[lockable(recover = Self::reconnect)]
struct Session {
    lock: ConnLock<Vec<&'static str>>,
    gate: Notify,
    recovery: Mutex<Option<Recovery>>,
}

#[locked]
impl Session {
    async fn say(&self, word: &'static str) -> Result<(), LockError> {
        self.lock.state().push(word);
        Ok(())
    }

    async fn hang(&self) -> Result<(), LockError> {
        self.say("hang").await?;
        self.gate.notified().await;
        Ok(())
    }

    async fn panics(&self) -> Result<(), LockError> {
        turn().await;
        panic!("on purpose")
    }

    async fn handles_its_own_timeout(&self) -> Result<(), LockError> {
        assert!(tokio::time::timeout(Duration::from_secs(1), self.hang()).await.is_err());
        self.say("handled").await
    }

    async fn handles_its_own_panic(&self) -> Result<(), LockError> {
        assert!(AssertUnwindSafe(self.panics()).catch_unwind().await.is_err());
        self.say("handled").await
    }

    #[unlocked]
    async fn reconnect(&self) -> Result<(), std::io::Error> {
        assert!(self.lock.holder().is_some(), "recovery runs under the lock");
        self.say("recover").await?;
        turn().await;
        let next = self.recovery.lock().unwrap().take();
        match next {
            None => Ok(()),
            Some(Recovery::Fail) => Err(std::io::Error::other("no carrier")),
            Some(Recovery::Panic) => panic!("on purpose"),
            Some(Recovery::Hang) => std::future::pending().await,
        }
    }
}

impl Session {
    fn interrupted(next: Option<Recovery>) -> Self {
        let session = Self { recovery: Mutex::new(next), ..Self::default() };
        let mut cut = Box::pin(session.hang());
        assert!(poll_once(cut.as_mut()).is_pending());
        drop(cut);
        assert!(session.lock.is_interrupted());
        session
    }

    fn words(self) -> Vec<&'static str> {
        assert!(self.lock.holder().is_none());
        self.lock.into_state()
    }
}

#[tokio::test]
async fn the_next_section_recovers_before_its_body() {
    let session = Session::interrupted(None);
    session.say("next").await.unwrap();
    assert!(!session.lock.is_interrupted());
    session.say("after").await.unwrap();
    assert_eq!(session.words(), ["hang", "recover", "next", "after"]);
}

#[tokio::test]
async fn a_waiter_that_was_queued_before_the_cut_recovers_too() {
    let session = Session::default();
    let mut cut = Box::pin(session.hang());
    assert!(poll_once(cut.as_mut()).is_pending());
    let mut next = Box::pin(session.say("next"));
    assert!(poll_once(next.as_mut()).is_pending());
    drop(cut);
    next.await.unwrap();
    assert_eq!(session.words(), ["hang", "recover", "next"]);
}

#[tokio::test]
async fn a_panic_is_an_interruption() {
    let session = Session::default();
    assert!(AssertUnwindSafe(session.panics()).catch_unwind().await.is_err());
    assert!(session.lock.is_interrupted());
    session.say("next").await.unwrap();
    assert_eq!(session.words(), ["recover", "next"]);
}

#[tokio::test]
async fn a_recovery_that_fails_keeps_the_mark_and_says_why() {
    let session = Session::interrupted(Some(Recovery::Fail));
    let error = session.say("not said").await.unwrap_err();
    assert!(matches!(&error, LockError::Recovery(cause) if cause.to_string() == "no carrier"), "{error:?}");
    assert!(session.lock.is_interrupted());
    session.say("next").await.unwrap();
    assert_eq!(session.words(), ["hang", "recover", "recover", "next"]);
}

#[tokio::test]
async fn a_recovery_that_panics_keeps_the_mark() {
    let session = Session::interrupted(Some(Recovery::Panic));
    assert!(AssertUnwindSafe(session.say("not said")).catch_unwind().await.is_err());
    assert!(session.lock.is_interrupted());
    session.say("next").await.unwrap();
    assert_eq!(session.words(), ["hang", "recover", "recover", "next"]);
}

#[tokio::test]
async fn a_recovery_dropped_at_any_await_keeps_the_mark() {
    for polls in 1..10 {
        let session = Session::interrupted(Some(Recovery::Hang));
        let mut cut = Box::pin(session.say("not said"));
        for _ in 0..polls {
            assert!(poll_once(cut.as_mut()).is_pending());
        }
        let mut queued = Box::pin(session.say("queued"));
        assert!(poll_once(queued.as_mut()).is_pending());
        drop(cut);
        assert!(session.lock.is_interrupted());
        session.recovery.lock().unwrap().take();
        queued.await.unwrap();
        assert_eq!(session.words(), ["hang", "recover", "recover", "queued"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_outer_section_handles_is_no_interruption() {
    let session = Session::default();
    session.handles_its_own_timeout().await.unwrap();
    session.handles_its_own_panic().await.unwrap();
    assert!(!session.lock.is_interrupted());
    assert_eq!(session.words(), ["hang", "handled", "handled"]);
}

#[tokio::test]
async fn an_exclusive_section_cut_off_between_its_calls_is_an_interruption() {
    let session = Session::default();
    let mut cut = Box::pin(session.exclusive(async {
        session.say("first").await.unwrap();
        turn().await;
        session.say("second").await
    }));
    assert!(poll_once(cut.as_mut()).is_pending());
    drop(cut);
    session.say("next").await.unwrap();
    assert_eq!(session.words(), ["first", "recover", "next"]);
}

#[derive(Lockable, Default)]
struct Strict {
    lock: ConnLock,
}

#[locked]
impl Strict {
    async fn hang(&self) -> Result<(), LockError> {
        std::future::pending().await
    }

    async fn infallible(&self) {}
}

#[tokio::test]
async fn without_a_recovery_the_lock_fails_closed_and_says_what_to_write() {
    let strict = Strict::default();
    let mut cut = Box::pin(strict.hang());
    assert!(poll_once(cut.as_mut()).is_pending());
    drop(cut);
    for _ in 0..2 {
        let error = strict.hang().await.unwrap_err();
        assert!(matches!(error, LockError::Interrupted));
        assert!(error.to_string().contains("#[lockable(recover = Self::method)]"), "{error}");
    }
    let panic = AssertUnwindSafe(strict.infallible()).catch_unwind().await.unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("#[lockable(recover"));
    assert!(strict.lock.is_interrupted());
    assert!(strict.lock.holder().is_none());
}

#[derive(Lockable, Default)]
#[lockable(accept_interrupted)]
struct Lenient {
    lock: ConnLock,
}

#[tokio::test]
async fn a_type_may_accept_it() {
    let lenient = Lenient::default();
    let mut cut = Box::pin(lenient.exclusive(std::future::pending::<()>()));
    assert!(poll_once(cut.as_mut()).is_pending());
    drop(cut);
    lenient.exclusive(async {}).await.unwrap();
}

/// A hand-written `Lockable` whose `recover` panics before there is a future.
struct Rash(ConnLock);

impl Lockable for Rash {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.0
    }

    fn recover(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), conn_share::RecoverError>> + Send + '_>> {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_body_never_runs_after_its_recovery_panicked() {
    let rash = Rash(ConnLock::new(()));
    let mut cut = Box::pin(rash.exclusive(std::future::pending::<()>()));
    assert!(poll_once(cut.as_mut()).is_pending());
    drop(cut);
    let mut ran = false;
    let mut next = Box::pin(rash.exclusive(async { ran = true }));
    for _ in 0..3 {
        assert!(AssertUnwindSafe(next.as_mut()).catch_unwind().await.is_err());
    }
    drop(next);
    assert!(!ran);
    assert!(rash.0.is_interrupted());
    assert!(rash.0.holder().is_none());
}
