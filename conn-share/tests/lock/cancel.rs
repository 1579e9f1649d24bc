//! A call dropped at any of its awaits leaves the lock as if it had not been, or marked.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};

use crate::line::{Inside, Line, Woken, poll_once, turn};

/// A connection whose recovery counts.
#[derive(Lockable, Default)]
#[lockable(recover = Self::count)]
struct Session {
    lock: ConnLock<Vec<usize>>,
    inside: AtomicUsize,
    recovered: AtomicUsize,
}

#[locked]
impl Session {
    async fn call(&self, reached: &Cell<usize>) -> Result<(), LockError> {
        let _inside = Inside::enter(&self.inside);
        reached.set(1);
        turn().await;
        self.lock.state().push(1);
        turn().await;
        reached.set(2);
        Ok(())
    }

    async fn calls(&self, reached: &Cell<usize>) -> Result<(), LockError> {
        turn().await;
        self.call(reached).await?;
        turn().await;
        let (a, b) = tokio::join!(self.call(reached), self.call(reached));
        a.and(b)?;
        reached.set(3);
        Ok(())
    }

    #[unlocked]
    async fn count(&self) {
        self.recovered.fetch_add(1, Ordering::SeqCst);
    }
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<(), LockError>> + 'a>>;

/// How far a dropped call had come, and whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    body: usize,
    done: bool,
}

/// Polls `call` up to `n` times, drops it, and checks that the next chain is woken and gets in, in order.
fn drop_after<'a>(
    n: usize,
    session: &'a Session,
    call: impl Future<Output = Result<(), LockError>> + 'a,
    reached: &'a Cell<usize>,
    mut ahead: Option<Call<'a>>,
) -> Reached {
    let mut call = Box::pin(call);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut next = None;
    let mut done = false;
    for _ in 0..n {
        if poll_once(call.as_mut()).is_ready() {
            done = true;
            break;
        }
        // From the first poll on somebody is queued behind the call, and from then on whoever is ahead of it moves.
        let next = next.get_or_insert_with(|| Box::pin(session.exclusive(async { session.lock.state().push(2) })));
        if next.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            panic!("two chains are in");
        }
        if let Some(first) = &mut ahead
            && poll_once(first.as_mut()).is_ready()
        {
            ahead = None;
        }
    }
    drop(call);
    drop(ahead);
    let body = reached.get();
    if let Some(mut next) = next {
        assert_eq!(woken.0.load(Ordering::SeqCst), 1, "nobody told the next in line, or twice");
        assert!(poll_once(next.as_mut()).is_ready());
    }
    assert_eq!(session.lock.waiters(), 0);
    assert!(session.lock.holder().is_none());
    assert!(poll_once(Box::pin(session.exclusive(async {})).as_mut()).is_ready(), "the lock is stuck");
    Reached { body, done }
}

/// Drops a call after every number of polls until one runs to its end; returns how far each came.
fn drop_everywhere(run: impl Fn(usize) -> Reached) -> Vec<Reached> {
    let mut all = Vec::new();
    loop {
        let reached = run(all.len());
        all.push(reached);
        assert!(all.len() < 100, "no number of polls is enough");
        if reached.done {
            return all;
        }
    }
}

#[test]
fn inside() {
    let all = drop_everywhere(|n| {
        let (session, reached) = (Session::default(), Cell::new(0));
        let result = drop_after(n, &session, session.call(&reached), &reached, None);
        assert_eq!(session.recovered.load(Ordering::SeqCst), usize::from(result.body == 1), "cut off after {n} polls");
        result
    });
    let bodies: Vec<_> = all.iter().map(|reached| reached.body).collect();
    assert_eq!(bodies, [0, 1, 1, 2], "not polled, twice inside, done");
}

#[test]
fn nested_inside() {
    let all = drop_everywhere(|n| {
        let (session, reached) = (Session::default(), Cell::new(0));
        let result = drop_after(n, &session, session.calls(&reached), &reached, None);
        let cut = n > 0 && !result.done;
        assert_eq!(session.recovered.load(Ordering::SeqCst), usize::from(cut), "cut off after {n} polls");
        result
    });
    let bodies: Vec<_> = all.iter().map(|reached| reached.body).collect();
    assert_eq!(bodies, [0, 0, 1, 1, 2, 1, 1, 1, 1, 3], "{all:?}");
}

#[test]
fn while_waiting_and_on_the_edge() {
    let all = drop_everywhere(|n| {
        let (session, reached, other) = (Session::default(), Cell::new(0), Cell::new(0));
        let mut ahead: Call<'_> = Box::pin(session.call(&other));
        assert!(poll_once(ahead.as_mut()).is_pending());
        let result = drop_after(n, &session, session.call(&reached), &reached, Some(ahead));
        // The one ahead is dropped too, at the end: if it was inside, that is an interruption of its own.
        let cut = u32::from(result.body == 1) + u32::from(other.get() == 1);
        assert_eq!(session.recovered.load(Ordering::SeqCst), usize::from(cut > 0));
        result
    });
    let bodies: Vec<_> = all.iter().map(|reached| reached.body).collect();
    assert_eq!(bodies, [0, 0, 0, 1, 1, 2], "not polled; queued; given the lock and dropped; inside twice; done");
}

#[tokio::test]
async fn a_call_that_was_given_the_lock_and_is_dropped_gives_it_to_the_next() {
    let line = Line::default();
    let mut holder = Box::pin(line.wait());
    assert!(poll_once(holder.as_mut()).is_pending());
    let mut edge = Box::pin(line.note(1));
    let mut next = Box::pin(line.note(2));
    assert!(poll_once(edge.as_mut()).is_pending());
    assert!(poll_once(next.as_mut()).is_pending());
    line.gate.notify_one();
    assert!(poll_once(holder.as_mut()).is_ready());
    assert!(poll_once(next.as_mut()).is_pending());
    drop(edge);
    next.await.unwrap();
    assert!(!line.lock.is_interrupted());
    assert_eq!(line.names().await, [2]);
}

#[tokio::test]
async fn a_sibling_waiting_for_its_turn_leaves_no_trace() {
    let line = Line::default();
    line.exclusive(async {
        for n in 0..3 {
            let mut first = Box::pin(line.wait());
            assert!(poll_once(first.as_mut()).is_pending());
            let mut second = Box::pin(line.note(n));
            for _ in 0..n {
                assert!(poll_once(second.as_mut()).is_pending());
            }
            drop(second);
            line.gate.notify_one();
            first.await.unwrap();
            line.note(9).await.unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(line.names().await, [9, 9, 9]);
}
