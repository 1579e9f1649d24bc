//! The lock under a schedule explorer, which interleaves threads at every access to the parts in `sync`.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p conn-share --no-default-features --features macros --lib interleavings`
//!
//! It explores orders, not weak memory: what the fences are for is argued in `core`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::mpsc;
use shuttle::thread;

use super::{ConnLock, LockError, Lockable, LockableExt, RecoverError};
use crate::schedules::{explore, poll_once, turn};

struct Line {
    lock: ConnLock<usize>,
    inside: AtomicUsize,
    recoveries: AtomicUsize,
}

impl Lockable for Line {
    type State = usize;

    fn conn_lock(&self) -> &ConnLock<usize> {
        &self.lock
    }

    fn recover(&self) -> Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + '_>> {
        Box::pin(async {
            self.recoveries.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }
}

type Call<T = Result<(), LockError>> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Line {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: ConnLock::new(0), inside: AtomicUsize::new(0), recoveries: AtomicUsize::new(0) })
    }

    /// Inside for two polls, alone.
    fn step(self: &Arc<Self>) -> Call {
        let line = Arc::clone(self);
        Box::pin(async move {
            line.exclusive(async {
                let _inside = Inside::enter(&line.inside);
                *line.lock.state() += 1;
                turn().await;
                *line.lock.state() += 1;
            })
            .await
        })
    }

    /// A section with two siblings in it, beside each other.
    fn fork(self: &Arc<Self>) -> Call {
        let line = Arc::clone(self);
        Box::pin(async move {
            line.exclusive(async {
                let (a, b) = futures::join!(line.step(), line.step());
                a.and(b)
            })
            .await?
        })
    }

    /// Nobody is in, nobody waits, the next one gets in at once.
    fn assert_at_rest(self: &Arc<Self>) {
        assert_eq!(self.lock.waiters(), 0);
        assert!(self.lock.holder().is_none());
        let mut last = Box::pin(self.exclusive(async {}));
        assert!(poll_once(last.as_mut()).is_ready(), "the lock is stuck");
    }
}

/// Proof that nobody else is inside.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0, "two are inside at once");
        Self(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// So many of each kind.
const SCHEDULES: usize = 5_000;

#[test]
fn calls_from_three_threads() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let line = Arc::clone(&line);
                thread::spawn(move || {
                    block_on(line.step()).unwrap();
                    block_on(line.step()).unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
        assert_eq!(line.recoveries.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn calls_dropped_wherever_they_are() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let droppers: Vec<_> = (1..3)
            .map(|polls| {
                let line = Arc::clone(&line);
                thread::spawn(move || {
                    let mut call = line.step();
                    for _ in 0..polls {
                        if poll_once(call.as_mut()).is_ready() {
                            break;
                        }
                    }
                    drop(call);
                })
            })
            .collect();
        let other = {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                block_on(line.exclusive(async {})).unwrap();
                block_on(line.exclusive(turn())).unwrap();
            })
        };
        droppers.into_iter().chain([other]).for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
    });
}

#[test]
fn siblings_beside_strangers() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let threads =
            [line.fork(), line.step(), line.fork()].map(|call| thread::spawn(move || block_on(call).unwrap()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
    });
}

#[test]
fn a_child_that_another_thread_goes_on_with() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let (give, take) = mpsc::channel::<Call>();
        let parent = {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                block_on(line.exclusive(async {
                    let mut child = line.fork();
                    assert!(poll_fn(|cx| Poll::Ready(child.as_mut().poll(cx))).await.is_pending());
                    give.send(child).unwrap();
                    // A sibling of the child, which is under way elsewhere.
                    line.step().await.unwrap();
                    let mut left = line.step();
                    let _ = poll_fn(|cx| Poll::Ready(left.as_mut().poll(cx))).await;
                    drop(left);
                }))
                .unwrap();
            })
        };
        let adopter = thread::spawn(move || block_on(take.recv().unwrap()).unwrap());
        let stranger = {
            let call = line.step();
            thread::spawn(move || block_on(call).unwrap())
        };
        [parent, adopter, stranger].into_iter().for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
        assert_eq!(line.recoveries.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_child_that_outlives_its_parent_on_another_thread() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let (give, take) = mpsc::channel::<Call>();
        let parent = {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                block_on(line.exclusive(async {
                    let mut child = line.step();
                    assert!(poll_fn(|cx| Poll::Ready(child.as_mut().poll(cx))).await.is_pending());
                    give.send(child).unwrap();
                }))
                .unwrap();
            })
        };
        let adopter = thread::spawn(move || block_on(take.recv().unwrap()).unwrap());
        let stranger = {
            let call = line.fork();
            thread::spawn(move || block_on(call).unwrap())
        };
        [parent, adopter, stranger].into_iter().for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
        assert_eq!(line.recoveries.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn closing_while_others_come_and_wait() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let call = line.step();
                thread::spawn(move || match block_on(call) {
                    Ok(()) | Err(LockError::Closed) => {}
                    Err(other) => panic!("{other}"),
                })
            })
            .collect();
        line.lock.close();
        callers.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(block_on(line.step()).unwrap_err().is_closed());
        assert!(line.lock.holder().is_none());
    });
}

#[test]
fn a_guard_dropped_elsewhere_while_its_section_ends() {
    explore(SCHEDULES, || {
        let line = Line::new();
        let state = {
            let line: &'static Arc<Line> = Box::leak(Box::new(Arc::clone(&line)));
            let mut away = None;
            block_on(line.exclusive(async {
                let guard = line.lock.state();
                away = Some(thread::spawn(move || drop(guard)));
                turn().await;
            }))
            .unwrap();
            away.unwrap()
        };
        let others = [line.step(), line.step()].map(|call| thread::spawn(move || block_on(call).unwrap()));
        state.join().unwrap();
        others.into_iter().for_each(|thread| thread.join().unwrap());
        line.assert_at_rest();
    });
}
