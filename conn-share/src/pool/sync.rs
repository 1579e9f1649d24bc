//! What the pool is made of that waits, wakes, excludes and keeps time: the standard library's parts and tokio's.
//!
//! With `RUSTFLAGS="--cfg shuttle"` the unit tests get shuttle's parts instead, which let it choose what happens in which
//! order, and a clock that they turn themselves; see `interleavings`.

#[cfg(not(all(test, shuttle)))]
mod parts {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread_local;

    pub(crate) use tokio::runtime::Id as RuntimeId;
    pub(crate) use tokio::spawn;
    pub(crate) use tokio::sync::{Semaphore, SemaphorePermit};
    pub(crate) use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

    /// The runtime that this code runs in.
    pub(crate) fn current_runtime() -> Option<RuntimeId> {
        tokio::runtime::Handle::try_current().ok().map(|handle| handle.id())
    }

    /// A runtime, to be asked from another.
    #[derive(Clone)]
    pub(crate) struct Home(tokio::runtime::Handle);

    /// A task in it; ends when this is dropped.
    pub(crate) struct Errand(tokio::task::JoinHandle<()>);

    impl Home {
        pub(crate) fn here() -> Option<Self> {
            tokio::runtime::Handle::try_current().ok().map(Self)
        }

        pub(crate) fn id(&self) -> RuntimeId {
            self.0.id()
        }

        pub(crate) fn send(&self, errand: impl Future<Output = ()> + Send + 'static) -> Errand {
            Errand(self.0.spawn(errand))
        }
    }

    impl Errand {
        /// It is done, or its runtime has ended; that is known before any timer or socket of the runtime fails.
        pub(crate) fn is_over(&self) -> bool {
            self.0.is_finished()
        }
    }

    impl Drop for Errand {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
}

#[cfg(all(test, shuttle))]
mod parts {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::ops::{Add, Sub};
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness, TryAcquireError};
    pub(crate) use shuttle::future::spawn;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use shuttle::thread_local;

    pub(crate) type RuntimeId = u8;

    thread_local! {
        static HOME: Cell<Option<RuntimeId>> = const { Cell::new(Some(0)) };
    }

    pub(crate) fn current_runtime() -> Option<RuntimeId> {
        HOME.with(Cell::get)
    }

    /// What this thread does from here on, it does in another runtime, or in none.
    pub(crate) fn move_to(home: Option<RuntimeId>) {
        HOME.with(|cell| cell.set(home));
    }

    /// A runtime that never ends and is always turned.
    #[derive(Clone)]
    pub(crate) struct Home(RuntimeId);

    pub(crate) struct Errand(bool);

    impl Home {
        pub(crate) fn here() -> Option<Self> {
            current_runtime().map(Self)
        }

        pub(crate) fn id(&self) -> RuntimeId {
            self.0
        }

        /// One that ends at all has ended.
        pub(crate) fn send(&self, errand: impl Future<Output = ()> + Send + 'static) -> Errand {
            Errand(pin!(errand).poll(&mut Context::from_waker(Waker::noop())).is_ready())
        }
    }

    impl Errand {
        pub(crate) fn is_over(&self) -> bool {
            self.0
        }
    }

    /// As much of tokio's as the pool uses.
    pub(crate) struct Semaphore(BatchSemaphore);

    pub(crate) struct SemaphorePermit<'a>(&'a Semaphore);

    impl Semaphore {
        pub(crate) const MAX_PERMITS: usize = tokio::sync::Semaphore::MAX_PERMITS;

        pub(crate) fn new(permits: usize) -> Self {
            Self(BatchSemaphore::new(permits, Fairness::StrictlyFair))
        }

        pub(crate) fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
            self.0.try_acquire(1)?;
            Ok(SemaphorePermit(self))
        }

        pub(crate) fn add_permits(&self, permits: usize) {
            self.0.release(permits);
        }

        pub(crate) fn forget_permits(&self, permits: usize) -> usize {
            (0..permits).take_while(|_| self.try_acquire().map(SemaphorePermit::forget).is_ok()).count()
        }

        pub(crate) fn close(&self) {
            self.0.close();
        }
    }

    impl SemaphorePermit<'_> {
        pub(crate) fn forget(self) {
            std::mem::forget(self);
        }
    }

    impl Drop for SemaphorePermit<'_> {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }

    /// A moment of a clock that stands still until it is turned.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Instant(Duration);

    #[derive(Default)]
    struct Clock {
        now: Duration,
        sleepers: BTreeMap<u64, (Duration, Waker)>,
        next: u64,
    }

    // The standard library's, since shuttle's threads all run on one of its own: one clock for all.
    std::thread_local! {
        static CLOCK: RefCell<Clock> = RefCell::default();
    }

    /// Turns the clock forward, and wakes those whose time has come.
    pub(crate) fn advance(by: Duration) {
        let due = CLOCK.with_borrow_mut(|clock| {
            clock.now += by;
            let now = clock.now;
            let later = std::mem::take(&mut clock.sleepers);
            let (due, later) = later.into_iter().partition::<BTreeMap<_, _>, _>(|(_, (at, _))| *at <= now);
            clock.sleepers = later;
            due
        });
        due.into_values().for_each(|(_, waker)| waker.wake());
    }

    /// Forgets whoever sleeps on it: another execution begins.
    pub(crate) fn reset_clock() {
        drop(CLOCK.take());
    }

    impl Instant {
        pub(crate) fn now() -> Self {
            Self(CLOCK.with_borrow(|clock| clock.now))
        }

        pub(crate) fn saturating_duration_since(&self, earlier: Self) -> Duration {
            self.0.saturating_sub(earlier.0)
        }

        pub(crate) fn checked_add(&self, duration: Duration) -> Option<Self> {
            self.0.checked_add(duration).map(Self)
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, duration: Duration) -> Self {
            Self(self.0 + duration)
        }
    }

    impl Sub for Instant {
        type Output = Duration;

        fn sub(self, earlier: Self) -> Duration {
            self.0 - earlier.0
        }
    }

    pub(crate) struct Sleep {
        at: Instant,
        number: u64,
    }

    pub(crate) fn sleep_until(at: Instant) -> Sleep {
        let number = CLOCK.with_borrow_mut(|clock| {
            clock.next += 1;
            clock.next
        });
        Sleep { at, number }
    }

    impl Sleep {
        pub(crate) fn reset(mut self: Pin<&mut Self>, at: Instant) {
            self.at = at;
        }

        fn forget(&self) -> Option<(Duration, Waker)> {
            CLOCK.try_with(|clock| clock.borrow_mut().sleepers.remove(&self.number)).ok().flatten()
        }
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if Instant::now() >= self.at {
                return Poll::Ready(());
            }
            let entry = (self.at.0, cx.waker().clone());
            let former = CLOCK.with_borrow_mut(|clock| clock.sleepers.insert(self.number, entry));
            drop(former);
            Poll::Pending
        }
    }

    impl Drop for Sleep {
        fn drop(&mut self) {
            drop(self.forget());
        }
    }

    pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, ()> {
        timeout_at(Instant::now() + limit, future).await
    }

    pub(crate) async fn timeout_at<F: Future>(at: Instant, future: F) -> Result<F::Output, ()> {
        let (mut future, mut sleep) = (pin!(future), pin!(sleep_until(at)));
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => sleep.as_mut().poll(cx).map(Err),
        })
        .await
    }
}

pub(crate) use parts::*;
