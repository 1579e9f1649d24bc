//! A worker on loan.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::shared::Shared;
use super::slots::{Remedy, Worker};
use super::sync::Instant;

/// A worker on loan from an [`AsyncPool`](crate::AsyncPool); goes back when dropped.
///
/// It owns its share of the pool, so it can be kept in a struct or sent to another task. Dropping it neither waits nor
/// spawns: a worker that has to be reset, or replaced because it broke, is looked after by the pool's background task
/// or by the next request, within that request's own time.
///
/// Its own functions are associated, [`WorkerGuard::id`] and so on, since methods could hide those of the worker.
///
/// Dropping it while the thread panics gives the worker back too, to be checked before anybody else sees it.
///
/// ```
/// use conn_share::WorkerGuard;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use conn_share::AsyncPool;
/// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
/// # let pool = AsyncPool::builder(connect).size(2).start().await?;
/// {
///     let mut worker = pool.get().await?;
///     worker.push_str(", used"); // DerefMut, too
///     println!("worker {}: {}", WorkerGuard::id(&worker), *worker);
/// }
/// assert_eq!(pool.status().on_loan, 0);
/// # Ok(())
/// # }
/// ```
#[must_use = "the worker goes back to the pool when its guard is dropped"]
pub struct WorkerGuard<C: Send + 'static> {
    shared: Arc<Shared<C>>,
    at: usize,
    /// `None` only while the guard is being taken apart.
    worker: Option<Box<Worker<C>>>,
}

impl<C: Send + 'static> WorkerGuard<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, at: usize, worker: Box<Worker<C>>) -> Self {
        Self { shared, at, worker: Some(worker) }
    }

    /// The worker's number: counted up with each connection that the pool opens, never used again.
    ///
    /// ```
    /// use conn_share::WorkerGuard;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let (one, other) = (pool.get().await?, pool.get().await?);
    /// assert_ne!(WorkerGuard::id(&one), WorkerGuard::id(&other));
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(guard: &Self) -> u64 {
        guard.worker().id
    }

    /// Takes the connection out of the pool, which connects another in its place. From then on it does not count
    /// towards the pool's size.
    ///
    /// ```
    /// use conn_share::WorkerGuard;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let session: String = WorkerGuard::detach(pool.get().await?);
    /// assert_eq!(session, "a session"); // ours alone now
    /// let _both = (pool.get().await?, pool.get().await?); // the pool has two again
    /// # Ok(())
    /// # }
    /// ```
    pub fn detach(mut guard: Self) -> C {
        let Some(worker) = guard.worker.take() else { unreachable!("taken apart once") };
        guard.shared.end_loan(guard.at, worker.id);
        worker.connection
    }

    /// Gives the worker back as useless: it is disconnected and replaced.
    ///
    /// ```
    /// use conn_share::WorkerGuard;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let worker = pool.get().await?;
    /// let bad = WorkerGuard::id(&worker);
    /// WorkerGuard::discard(worker); // it has said something odd
    /// for worker in [pool.get().await?, pool.get().await?] {
    ///     assert_ne!(WorkerGuard::id(&worker), bad);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn discard(mut guard: Self) {
        if let Some(worker) = guard.worker.take() {
            guard.shared.give_back(guard.at, worker, Some(Remedy::Close), None);
        }
    }

    fn worker(&self) -> &Worker<C> {
        match &self.worker {
            Some(worker) => worker,
            None => unreachable!("taken apart by those who own the guard only"),
        }
    }
}

impl<C: Send + 'static> Drop for WorkerGuard<C> {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            if self.shared.is_plain() && !std::thread::panicking() {
                return self.shared.give_back(self.at, worker, None, None);
            }
            // Reading the clock costs as much as the rest.
            let now = self.shared.keeps_time().then(Instant::now);
            let remedy = self.shared.look_back(&worker, now);
            self.shared.give_back(self.at, worker, remedy, now);
        }
    }
}

impl<C: Send + 'static> Deref for WorkerGuard<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.worker().connection
    }
}

impl<C: Send + 'static> DerefMut for WorkerGuard<C> {
    fn deref_mut(&mut self) -> &mut C {
        match &mut self.worker {
            Some(worker) => &mut worker.connection,
            None => unreachable!("taken apart by those who own the guard only"),
        }
    }
}

/// Without the connection, which need not be `Debug`: so `get().await.unwrap_err()` works for all.
impl<C: Send + 'static> fmt::Debug for WorkerGuard<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerGuard").field("id", &self.worker().id).finish_non_exhaustive()
    }
}
