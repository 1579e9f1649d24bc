//! The state is lent to the innermost section, one guard at a time, and never twice.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, StateGuard, locked};
use tokio::sync::Notify;

use crate::line::{poll_once, start, turn};

#[derive(Lockable, Default)]
#[lockable(accept_interrupted)]
struct Counter {
    lock: ConnLock<Vec<usize>>,
    gate: Notify,
}

#[locked]
impl Counter {
    async fn count(&self) -> Result<usize, LockError> {
        let mut state = self.lock.state();
        state.push(1);
        Ok(state.len())
    }

    async fn lend(&self) -> Result<StateGuard<'_, Vec<usize>>, LockError> {
        Ok(self.lock.state())
    }

    async fn wait(&self) -> Result<(), LockError> {
        self.gate.notified().await;
        Ok(())
    }

    async fn keep_while_waiting(&self) -> Result<(), LockError> {
        let mut state = self.lock.state();
        self.gate.notified().await;
        state.push(2);
        Ok(())
    }
}

impl Counter {
    /// Why the state is not lent here; the panic says the same.
    fn refusal(&self) -> String {
        let error = self.lock.try_state().map(|_| ()).unwrap_err().to_string();
        let panic = catch_unwind(AssertUnwindSafe(|| drop(self.lock.state()))).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>(), Some(&error));
        error
    }
}

#[tokio::test]
async fn outside_a_section() {
    let counter = Counter::default();
    let refusal = counter.refusal();
    assert!(refusal.contains("outside a locked section") && refusal.contains("`exclusive(..)`"), "{refusal}");
    let other = Counter::default();
    other.exclusive(async { assert!(counter.refusal().contains("outside")) }).await.unwrap();
}

#[tokio::test]
async fn after_close() {
    let counter = Counter::default();
    counter
        .exclusive(async {
            counter.lock.close();
            counter.lock.state().push(1);
        })
        .await
        .unwrap();
    let refusal = counter.refusal();
    assert!(refusal.contains("closed") && refusal.contains("`into_state`"), "{refusal}");
    assert_eq!(counter.lock.into_state(), [1]);
}

#[tokio::test]
async fn twice() {
    let counter = Counter::default();
    counter
        .exclusive(async {
            let first = counter.lock.state();
            let refusal = counter.refusal();
            assert!(refusal.contains("lent already") && refusal.contains("tests/lock/state.rs:"), "{refusal}");
            drop(first);
            counter.lock.state().push(1);
            // Nor to a section deeper inside.
            let first = counter.lock.state();
            let inside = AssertUnwindSafe(counter.count());
            assert!(futures::FutureExt::catch_unwind(inside).await.is_err());
            drop(first);
            assert_eq!(counter.count().await.unwrap(), 2);
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn not_the_innermost() {
    let counter = Counter::default();
    counter
        .exclusive(async {
            let mut deeper = pin!(counter.wait());
            assert!(start(deeper.as_mut()).await.is_pending());
            let refusal = counter.refusal();
            assert!(refusal.contains("Counter::wait (") && refusal.contains("tests/lock/state.rs:"), "{refusal}");
            counter.gate.notify_one();
            deeper.await.unwrap();
            counter.lock.state().push(1);
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn in_a_task_or_thread_that_the_section_started() {
    let counter = Arc::new(Counter::default());
    counter
        .exclusive(async {
            let task = tokio::spawn({
                let counter = Arc::clone(&counter);
                async move { counter.refusal() }
            });
            assert!(task.await.unwrap().contains("in the same task"));
            std::thread::scope(|scope| {
                scope.spawn(|| assert!(counter.refusal().contains("outside"))).join().unwrap();
            });
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn returned_from_the_method_it_keeps_the_instance_locked() {
    let counter = Counter::default();
    let mut guard = counter.lend().await.unwrap();
    guard.push(5);
    assert_eq!(counter.lock.holder().unwrap().method(), "Counter::lend");
    let mut next = pin!(counter.count());
    assert!(poll_once(next.as_mut()).is_pending());
    guard.push(6);
    assert_eq!(*guard, [5, 6]);
    drop(guard);
    assert_eq!(next.await.unwrap(), 3);
    assert!(counter.lock.holder().is_none());
}

#[tokio::test]
async fn returned_from_a_nested_method_it_is_the_outer_one_s_to_drop() {
    let counter = Counter::default();
    let kept = counter
        .exclusive(async {
            let guard = counter.lend().await.unwrap();
            assert!(counter.refusal().contains("lent already"));
            guard
        })
        .await
        .unwrap();
    let mut next = pin!(counter.count());
    assert!(poll_once(next.as_mut()).is_pending());
    drop(kept);
    next.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_to_another_task_it_keeps_the_instance_locked() {
    let counter: &'static Counter = Box::leak(Box::default());
    for _ in 0..200 {
        let mut guard = counter.lend().await.unwrap();
        let before = guard.len();
        let away = tokio::spawn(async move {
            guard.push(1);
            turn().await;
            guard.push(2);
        });
        assert!(counter.count().await.unwrap() >= before + 3);
        away.await.unwrap();
    }
    assert!(counter.lock.holder().is_none());
}

#[tokio::test]
async fn forgotten_it_keeps_the_instance_locked_for_good() {
    let counter = Counter::default();
    std::mem::forget(counter.lend().await.unwrap());
    let mut next = Box::pin(counter.count());
    assert!(poll_once(next.as_mut()).is_pending());
    assert!(counter.refusal().contains("outside"));
    drop(next);
    assert_eq!(counter.lock.into_state(), Vec::<usize>::new());
}

#[tokio::test]
async fn forgotten_inside_it_is_refused_to_the_rest_of_the_section() {
    let counter = Counter::default();
    counter
        .exclusive(async {
            std::mem::forget(counter.lock.state());
            assert!(counter.refusal().contains("lent already"));
        })
        .await
        .unwrap();
    assert!(poll_once(pin!(counter.count())).is_pending());
}

#[tokio::test]
async fn a_forgotten_section_keeps_the_instance_locked_for_good() {
    let counter = Counter::default();
    let mut section = Box::pin(counter.keep_while_waiting());
    assert!(poll_once(section.as_mut()).is_pending());
    std::mem::forget(section);
    assert!(poll_once(pin!(counter.count())).is_pending());
    assert!(counter.lock.into_state().is_empty());
}

#[tokio::test]
async fn a_section_that_is_cut_off_takes_its_guard_with_it() {
    let counter = Counter::default();
    let mut section = Box::pin(counter.keep_while_waiting());
    assert!(poll_once(section.as_mut()).is_pending());
    drop(section);
    assert_eq!(counter.count().await.unwrap(), 1);
}

#[tokio::test]
async fn destructors_of_the_body_still_have_the_state() {
    struct OnDrop<'a>(&'a Counter);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            self.0.lock.state().push(7);
        }
    }
    let counter = Counter::default();
    for cut in [false, true] {
        let last = OnDrop(&counter);
        let mut section = Box::pin(counter.exclusive(async move {
            let _last = last;
            if cut {
                std::future::pending::<()>().await;
            }
        }));
        assert_eq!(poll_once(section.as_mut()).is_pending(), cut);
    }
    assert_eq!(counter.lock.into_state(), [7, 7]);
}

/// What a type is if nothing says otherwise: the associated constants below, where they exist, go before these.
trait Neutral {
    const SEND: bool = false;
    const SYNC: bool = false;
}

/// Stands for a type, so that the compiler can be asked about it without being told.
struct Asked<T: ?Sized>(std::marker::PhantomData<T>);

impl<T: ?Sized> Neutral for Asked<T> {}

impl<T: ?Sized + Send> Asked<T> {
    const SEND: bool = true;
}

impl<T: ?Sized + Sync> Asked<T> {
    const SYNC: bool = true;
}

macro_rules! is {
    ($type:ty: Send) => {
        <Asked<$type>>::SEND
    };
    ($type:ty: Sync) => {
        <Asked<$type>>::SYNC
    };
}

/// `Send`, not `Sync`.
type SendOnly = Cell<u8>;
/// `Sync`, not `Send`.
type SyncOnly = std::sync::MutexGuard<'static, u8>;
/// Neither.
type Neither = std::rc::Rc<u8>;

#[test]
fn the_lock_and_its_guard_are_as_send_and_sync_as_the_state_allows() {
    const { assert!(is!(SendOnly: Send) && !is!(SendOnly: Sync) && !is!(SyncOnly: Send) && is!(SyncOnly: Sync)) };

    const { assert!(is!(ConnLock<u8>: Send) && is!(ConnLock<u8>: Sync)) };
    const { assert!(is!(ConnLock<SendOnly>: Send) && is!(ConnLock<SendOnly>: Sync)) };
    const { assert!(is!(ConnLock<RefCell<u8>>: Send) && is!(ConnLock<RefCell<u8>>: Sync)) };
    const { assert!(!is!(ConnLock<SyncOnly>: Send) && !is!(ConnLock<SyncOnly>: Sync)) };
    const { assert!(!is!(ConnLock<Neither>: Send) && !is!(ConnLock<Neither>: Sync)) };

    const { assert!(is!(StateGuard<'static, u8>: Send) && is!(StateGuard<'static, u8>: Sync)) };
    const { assert!(is!(StateGuard<'static, SendOnly>: Send) && !is!(StateGuard<'static, SendOnly>: Sync)) };
    const { assert!(!is!(StateGuard<'static, SyncOnly>: Send)) };
    const { assert!(!is!(StateGuard<'static, Neither>: Send) && !is!(StateGuard<'static, Neither>: Sync)) };

    const { assert!(is!(LockError: Send) && is!(LockError: Sync)) };
}

#[test]
fn a_call_may_move_between_threads_when_its_body_may() {
    fn send<T: Send>(_: &T) {}
    let counter = Counter::default();
    send(&counter.count());
    send(&counter.exclusive(counter.count()));
    send(&counter.lend());
}
