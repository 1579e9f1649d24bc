//! Locked methods at work: they call each other, are cut off, and recover.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};

#[async_trait]
trait Connection: Send + Sync {
    async fn send(&self, text: &str) -> io::Result<()>;

    async fn receive(&self) -> io::Result<String>;

    async fn execute(&self, command: &str) -> io::Result<String> {
        self.send(command).await?;
        self.receive().await
    }
}

#[derive(Lockable, Default)]
#[lockable(recover = Self::reconnect)]
struct Session {
    lock: ConnLock<Vec<String>>,
    recoveries: AtomicUsize,
}

impl Session {
    async fn reconnect(&self) {
        self.recoveries.fetch_add(1, SeqCst);
        self.lock.state().clear();
    }
}

#[async_trait]
#[locked]
impl Connection for Session {
    async fn send(&self, text: &str) -> io::Result<()> {
        self.lock.state().push(text.to_owned());
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn receive(&self) -> io::Result<String> {
        tokio::task::yield_now().await;
        self.lock.state().pop().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn execute(&self, command: &str) -> io::Result<String> {
        self.send(command).await?;
        self.receive().await
    }
}

#[locked]
impl Session {
    async fn depth(&self, left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        Box::pin(self.depth(left - 1)).await + 1
    }

    async fn both(&self) -> io::Result<(String, String)> {
        let (one, other) = tokio::join!(self.execute("one"), self.execute("other"));
        Ok((one?, other?))
    }

    fn boxed(&self) -> Pin<Box<dyn Future<Output = io::Result<String>> + Send + '_>> {
        Box::pin(async move { self.execute("boxed").await })
    }

    async fn arc(self: Arc<Self>) -> io::Result<String> {
        let again = Arc::clone(&self);
        drop(self);
        again.execute("arc").await
    }

    async fn after_panic(&self) -> usize {
        panic!("{}", self.lock.state().len())
    }
}

#[tokio::test]
async fn methods_call_each_other() {
    let s = Arc::new(Session::default());
    assert_eq!(s.execute("x").await.unwrap(), "x");
    assert_eq!(s.boxed().await.unwrap(), "boxed");
    assert_eq!(s.clone().arc().await.unwrap(), "arc");
    assert_eq!(s.depth(100).await, 100);
    let object: Arc<dyn Connection> = s.clone();
    assert_eq!(object.execute("object").await.unwrap(), "object");
    assert_eq!(s.exclusive(object.execute("inside")).await.unwrap().unwrap(), "inside");
}

#[tokio::test]
async fn siblings_do_not_get_each_others_output() {
    let s = Session::default();
    assert_eq!(s.both().await.unwrap(), ("one".to_owned(), "other".to_owned()));
    let (one, other) = tokio::join!(s.execute("1"), s.execute("2"));
    assert_eq!((one.unwrap(), other.unwrap()), ("1".to_owned(), "2".to_owned()));
}

/// Polls it at most `polls` times, and drops it.
fn cut_off<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn cut_off_at_every_poll() {
    let mut finished = 0;
    let mut interrupted = 0;
    for polls in 0..6 {
        let s = Session::default();
        let done = cut_off(s.execute("first"), polls).is_some();
        finished += usize::from(done);
        interrupted += usize::from(s.lock.is_interrupted());
        assert_eq!(s.lock.is_interrupted(), polls > 0 && !done, "after {polls} polls");
        assert!(s.lock.holder().is_none(), "after {polls} polls");
        let recoveries = usize::from(s.lock.is_interrupted());
        assert_eq!(cut_off(s.execute("next"), 100).unwrap().unwrap(), "next");
        assert_eq!(s.recoveries.load(SeqCst), recoveries, "after {polls} polls");
    }
    assert!(finished > 0 && interrupted > 0, "{finished} finished, {interrupted} were interrupted");
}

#[tokio::test]
async fn a_panic_is_an_interruption() {
    let s = Arc::new(Session::default());
    let panicking = tokio::spawn({
        let s = Arc::clone(&s);
        async move { s.after_panic().await }
    });
    assert!(panicking.await.unwrap_err().is_panic());
    assert!(s.lock.is_interrupted());
    assert_eq!(s.execute("x").await.unwrap(), "x");
    assert_eq!(s.recoveries.load(SeqCst), 1);
}

#[derive(Lockable, Default)]
struct Plain {
    lock: ConnLock,
}

#[derive(Lockable, Default)]
#[lockable(accept_interrupted)]
struct Accepting {
    lock: ConnLock,
}

macro_rules! wait {
    ($($session:ty)*) => {$(
        #[locked]
        impl $session {
            async fn wait(&self, times: usize) -> Result<(), LockError> {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        }
    )*};
}

wait!(Plain Accepting);

#[test]
fn without_recover_the_lock_fails_closed() {
    let s = Plain::default();
    assert!(cut_off(s.wait(5), 1).is_none());
    let error = cut_off(s.wait(0), 100).unwrap().unwrap_err();
    assert!(matches!(error, LockError::Interrupted), "{error:?}");
    assert!(error.to_string().contains("recover"), "{error}");
}

#[test]
fn accept_interrupted_goes_on() {
    let s = Accepting::default();
    assert!(cut_off(s.wait(5), 1).is_none());
    cut_off(s.wait(0), 100).unwrap().unwrap();
}
