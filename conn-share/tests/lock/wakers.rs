//! Wakers run foreign code when they are woken, cloned and dropped; the lock must not be in the middle of something then.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use conn_share::LockError;

use crate::line::{Line, poll_once};

type Call = Pin<Box<dyn Future<Output = Result<(), LockError>> + Send>>;

/// A task in the manner of executors whose wakers own it: it is dropped with the last of them.
struct Owned {
    _call: Mutex<Option<Call>>,
}

impl Wake for Owned {
    fn wake(self: Arc<Self>) {}
}

/// Runs `case` on a thread of its own: a thread that locks a mutex twice never comes back.
fn comes_back(case: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        case();
        done.send(()).unwrap();
    });
    wait.recv_timeout(Duration::from_secs(20)).expect("the lock is stuck in its own mutex, or the case panicked");
}

fn note(line: &Arc<Line>, name: usize) -> Call {
    let line = Arc::clone(line);
    Box::pin(async move { line.note(name).await })
}

fn wait(line: &Arc<Line>) -> Call {
    let line = Arc::clone(line);
    Box::pin(async move { line.wait().await })
}

/// Polls `call` with the waker of a task that owns another waiter of the same lock; only that waker is left of it.
fn poll_in_task_that_owns_a_waiter(line: &Arc<Line>, call: &mut Call) {
    let mut other = note(line, 2);
    assert!(poll_once(other.as_mut()).is_pending());
    let task = Arc::new(Owned { _call: Mutex::new(Some(other)) });
    let waker = Waker::from(task);
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
}

#[test]
fn dropping_a_waiter_may_drop_another_with_its_waker() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let mut holder = wait(&line);
        assert!(poll_once(holder.as_mut()).is_pending());
        let mut waiter = note(&line, 1);
        poll_in_task_that_owns_a_waiter(&line, &mut waiter);
        assert_eq!(line.lock.waiters(), 2);
        drop(waiter);
        assert_eq!(line.lock.waiters(), 0);
    });
}

#[test]
fn polling_a_waiter_from_another_task_may_drop_another_waiter_with_the_old_waker() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let mut holder = wait(&line);
        assert!(poll_once(holder.as_mut()).is_pending());
        let mut waiter = note(&line, 1);
        poll_in_task_that_owns_a_waiter(&line, &mut waiter);
        assert!(poll_once(waiter.as_mut()).is_pending());
        assert_eq!(line.lock.waiters(), 1);
        line.gate.notify_one();
        assert!(poll_once(holder.as_mut()).is_ready());
        assert!(poll_once(waiter.as_mut()).is_ready());
    });
}

#[test]
fn a_sibling_may_drop_another_with_its_waker() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let mut section = Box::pin({
            let line = Arc::clone(&line);
            async move {
                let (first, mut second) = (wait(&line), note(&line, 1));
                let mut first = first;
                std::future::poll_fn(|_| {
                    assert!(poll_once(first.as_mut()).is_pending());
                    poll_in_task_that_owns_a_waiter(&line, &mut second);
                    Poll::Ready(())
                })
                .await;
                drop(second);
                line.gate.notify_one();
                first.await
            }
        });
        let mut outer = Box::pin(line.around(section.as_mut()));
        assert!(poll_once(outer.as_mut()).is_ready());
        assert_eq!(line.lock.waiters(), 0);
    });
}

/// Wakes by polling what it wakes, on the spot.
struct Inline {
    call: Mutex<Option<Call>>,
    done: AtomicBool,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let Some(mut call) = self.call.lock().unwrap().take() else { return };
        let waker = Waker::from(Arc::clone(&self));
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => {
                result.unwrap();
                self.done.store(true, Ordering::SeqCst);
            }
            Poll::Pending => *self.call.lock().unwrap() = Some(call),
        }
    }
}

#[test]
fn a_waker_may_run_the_next_call_on_the_spot() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let mut holder = wait(&line);
        assert!(poll_once(holder.as_mut()).is_pending());
        let tasks: Vec<_> = (0..3)
            .map(|name| {
                let task = Arc::new(Inline { call: Mutex::new(Some(note(&line, name))), done: AtomicBool::new(false) });
                Arc::clone(&task).wake();
                task
            })
            .collect();
        assert_eq!(line.lock.waiters(), 3);
        line.gate.notify_one();
        assert!(poll_once(holder.as_mut()).is_ready());
        assert!(tasks.iter().all(|task| task.done.load(Ordering::SeqCst)));
    });
}

/// A waker that panics when it is woken.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics; the test expects it");
    }
}

fn poll_with_panicking_waker(call: &mut Call) {
    let waker = Waker::from(Arc::new(Panics));
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
}

#[test]
fn a_waker_that_panics_keeps_nobody_out() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let mut holder = wait(&line);
        assert!(poll_once(holder.as_mut()).is_pending());
        let mut waiter = note(&line, 1);
        poll_with_panicking_waker(&mut waiter);
        line.gate.notify_one();
        assert!(poll_once(holder.as_mut()).is_ready());
        assert!(poll_once(waiter.as_mut()).is_ready());
        assert!(!line.lock.is_interrupted());
    });
}

/// Both calls outlive the section that they took turns in: with the first's end the lock goes to the next in line.
#[test]
fn a_waker_that_panics_does_not_keep_the_lock() {
    comes_back(|| {
        let line = Arc::new(Line::default());
        let (mut first, mut second) = (wait(&line), note(&line, 1));
        let mut section = Box::pin(line.around(async {
            std::future::poll_fn(|_| {
                assert!(poll_once(first.as_mut()).is_pending());
                poll_with_panicking_waker(&mut second);
                Poll::Ready(())
            })
            .await;
        }));
        assert!(poll_once(section.as_mut()).is_ready());
        drop(section);
        line.gate.notify_one();
        assert!(poll_once(first.as_mut()).is_ready());
        assert!(poll_once(note(&line, 2).as_mut()).is_ready());
        assert!(poll_once(second.as_mut()).is_ready());
    });
}
