//! Who gets in: one chain at a time, its nested calls, its siblings one by one.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use tokio::sync::Notify;

#[derive(Lockable, Default)]
struct Line {
    lock: ConnLock<Vec<&'static str>>,
    inside: AtomicUsize,
    gate: Notify,
}

#[locked]
impl Line {
    async fn step(&self, name: &'static str) -> Result<(), LockError> {
        assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        self.lock.state().push(name);
        tokio::task::yield_now().await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    async fn deep(&self, depth: usize) -> Result<usize, LockError> {
        if depth == 0 {
            self.step("bottom").await?;
            return Ok(0);
        }
        Ok(1 + Box::pin(self.deep(depth - 1)).await?)
    }

    async fn both(&self) -> Result<(), LockError> {
        let (a, b) = tokio::join!(self.step("a"), self.step("b"));
        a.and(b)
    }

    async fn wait(&self) -> Result<(), LockError> {
        self.gate.notified().await;
        Ok(())
    }

    async fn spawns(self: Arc<Self>) -> Result<bool, LockError> {
        let other = Arc::clone(&self);
        let child = tokio::spawn(async move { other.step("child").await });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        Ok(child.is_finished())
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_locked_method_may_call_locked_methods_to_any_depth() {
    let line = Line::default();
    assert_eq!(line.deep(100).await.unwrap(), 100);
    assert!(line.lock.holder().is_none());
}

#[tokio::test]
async fn siblings_in_a_section_exclude_each_other() {
    let line = Line::default();
    line.both().await.unwrap();
    assert_eq!(line.lock.into_state(), ["a", "b"]);
}

#[tokio::test]
async fn a_spawned_task_is_another_chain() {
    let line = Arc::new(Line::default());
    assert!(!Arc::clone(&line).spawns().await.unwrap());
    line.step("after").await.unwrap();
}

#[tokio::test]
async fn a_child_that_outlives_its_parent_keeps_the_instance_locked() {
    let line = Arc::new(Line::default());
    let mut child = Box::pin(line.wait());
    line.exclusive(std::future::poll_fn(|_| {
        assert!(poll_once(child.as_mut()).is_pending());
        Poll::Ready(())
    }))
    .await
    .unwrap();
    let mut stranger = pin!(line.step("stranger"));
    assert!(poll_once(stranger.as_mut()).is_pending());
    line.gate.notify_one();
    child.await.unwrap();
    stranger.await.unwrap();
    assert!(!line.lock.is_interrupted());
}

#[tokio::test]
async fn cut_off_without_recover_fails_closed() {
    let line = Line::default();
    {
        let mut cut = pin!(line.wait());
        assert!(poll_once(cut.as_mut()).is_pending());
    }
    assert!(line.lock.is_interrupted());
    assert!(matches!(line.step("next").await, Err(LockError::Interrupted)));
}

#[tokio::test]
async fn waiters_are_served_in_order_and_told_of_a_close() {
    let line = Line::default();
    let mut first = Box::pin(line.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    let mut second = Box::pin(line.step("second"));
    let mut third = Box::pin(line.step("third"));
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(poll_once(third.as_mut()).is_pending());
    assert_eq!(line.lock.waiters(), 2);
    line.gate.notify_one();
    first.await.unwrap();
    assert!(poll_once(third.as_mut()).is_pending(), "the second was first");
    second.await.unwrap();
    line.lock.close();
    assert!(matches!(third.await, Err(LockError::Closed)));
}

#[tokio::test]
async fn a_cycle_is_an_error() {
    let (a, b) = (Arc::new(Line::default()), Arc::new(Line::default()));
    let hold = |x: Arc<Line>, y: Arc<Line>| async move {
        x.exclusive(async {
            tokio::task::yield_now().await;
            y.step("crossed").await
        })
        .await
        .unwrap()
    };
    let (one, two) = tokio::join!(tokio::spawn(hold(a.clone(), b.clone())), tokio::spawn(hold(b, a)));
    let (one, two) = (one.unwrap(), two.unwrap());
    let error = match (one, two) {
        (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
        other => panic!("{other:?}"),
    };
    assert!(error.is_deadlock(), "{error}");
    eprintln!("{error}");
}
