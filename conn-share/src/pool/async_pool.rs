//! The pool as its users see it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::books::Keeper;
use super::builder::PoolBuilder;
use super::close::{Drained, drain};
use super::connector::Connector;
use super::error::PoolError;
use super::guard::WorkerGuard;
use super::request::{take, try_take};
use super::shared::Shared;
use super::status::Status;
use super::sync::{Instant, Semaphore};

/// Several connections of the same kind, lent to one request each, first come first served.
///
/// A handle: clones share the pool.
///
/// ```
/// use std::time::Duration;
/// use conn_share::AsyncPool;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), conn_share::PoolError> {
/// let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(String::from("a connection")) })
///     .size(5)
///     .timeout(Duration::from_secs(10))
///     .start()
///     .await?;
/// let worker = pool.get().await?;
/// assert_eq!(*worker, "a connection");
/// # Ok(()) }
/// ```
///
/// # Which promises it keeps
///
/// - Requests are served strictly in the order of their arrival; no newcomer overtakes one that waits.
/// - There are never more than `size` connections, counting those being opened and closed.
/// - A worker that is broken, too old or idle for too long is replaced before a request sees it.
/// - A future of the pool may be dropped at any moment: no worker is lost, and the next in line is served.
///
/// # Where people trip
///
/// A `get` whose future was polled and is then kept without being polled again holds its turn, as with every fair lock:
/// await it, or drop it. A task that keeps a guard while it asks for another can wait for itself; the pool warns when
/// it has all of them.
///
/// A pool that is dropped drops its workers. To let them say goodbye, [`AsyncPool::close`] it.
pub struct AsyncPool<C: Send + 'static> {
    shared: Arc<Shared<C>>,
}

impl<C: Send + 'static> AsyncPool<C> {
    /// Options for a pool of what `connector` connects: a [`Connector`], or a closure that returns a future of a
    /// `Result`.
    pub fn builder<K: Connector<Connection = C>>(connector: K) -> PoolBuilder<K> {
        PoolBuilder::new(connector)
    }

    pub(super) fn new(shared: Arc<Shared<C>>) -> Self {
        Self { shared }
    }

    #[cfg(all(test, shuttle))]
    pub(super) fn shared(&self) -> &Arc<Shared<C>> {
        &self.shared
    }

    /// Takes a worker; waits for the turn as long as the pool's [`timeout`](PoolBuilder::timeout) says.
    ///
    /// # Errors
    ///
    /// [`PoolError::Timeout`], which says who has the workers; [`PoolError::Connect`] when none is left and none can be
    /// connected; [`PoolError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Only the turn in the line is lost.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<WorkerGuard<C>, PoolError>> + Send + use<'_, C> {
        take(&self.shared, self.shared.options.timeout, Location::caller(), None)
    }

    /// Takes a worker; waits at most `limit`, whatever the pool's own timeout is.
    ///
    /// # Errors
    ///
    /// As [`AsyncPool::get`].
    ///
    /// # Cancel safety
    ///
    /// Only the turn in the line is lost.
    #[track_caller]
    pub fn get_timeout(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<WorkerGuard<C>, PoolError>> + Send + use<'_, C> {
        take(&self.shared, Some(limit), Location::caller(), None)
    }

    /// As [`AsyncPool::get`], on behalf of somebody who asked at `place`, or for what `purpose` says.
    #[cfg(feature = "_talking")]
    pub(crate) fn get_for(
        &self,
        place: &'static Location<'static>,
        purpose: Option<Arc<str>>,
    ) -> impl Future<Output = Result<WorkerGuard<C>, PoolError>> + Send + use<'_, C> {
        take(&self.shared, self.shared.options.timeout, place, purpose)
    }

    /// Takes a worker if one is ready and nobody waits for it. Never waits. One that is being reset, checked or looked at
    /// at this very moment is not ready.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoneFree`], [`PoolError::Closed`].
    #[track_caller]
    pub fn try_get(&self) -> Result<WorkerGuard<C>, PoolError> {
        try_take(&self.shared, Location::caller())
    }

    /// Changes how many connections there may be. More are connected in the background or on demand; of too many the
    /// idle ones are closed now, those on loan when they come back. With 0, requests wait until there are some again.
    pub fn resize(&self, size: usize) {
        self.shared.resize(size.min(Semaphore::MAX_PERMITS));
    }

    /// Closes the pool: refuses new requests and tells those who wait, waits for loans up to the
    /// [`close_timeout`](PoolBuilder::close_timeout), disconnects the workers. Returns what it had to cut.
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed. Workers are disconnected in the background as they come back, or by another `close`.
    pub async fn close(&self) -> Drained {
        drain(&self.shared, self.shared.options.close_timeout).await
    }

    /// [`AsyncPool::close`] with a limit of its own.
    ///
    /// # Cancel safety
    ///
    /// As [`AsyncPool::close`].
    pub async fn close_timeout(&self, limit: Duration) -> Drained {
        drain(&self.shared, limit).await
    }

    /// Whether [`AsyncPool::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.shared.books().closed
    }

    /// One consistent snapshot. Never waits.
    ///
    /// An idle worker that died is counted as idle until the background task has [looked](PoolBuilder::look_every); where
    /// there is none any more, this call looks.
    pub fn status(&self) -> Status {
        let now = Instant::now();
        let alone = matches!(self.shared.books().keeper, Keeper::Gone);
        if alone {
            self.shared.look_around();
        }
        let books = self.shared.books();
        let tally = books.slots.tally();
        let oldest = books.slots.loans().min_by_key(|loan| loan.since);
        let cause = books.health.cause();
        let mut status = Status {
            size: books.slots.size(),
            idle: tally.idle,
            on_loan: tally.on_loan,
            connecting: tally.connecting,
            tending: tally.tended + tally.to_tend,
            closing: tally.closing + tally.to_close,
            waiting: books.line.waiting(),
            oldest_loan: oldest.map(|loan| super::books::holder(loan, now)),
            last_connect_error: None,
            closed: books.closed,
            counters: books.counters,
        };
        drop(books);
        // Foreign code.
        status.last_connect_error = cause.map(|cause| cause.to_string());
        status
    }
}

impl<C: Send + 'static> Clone for AsyncPool<C> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<C: Send + 'static> fmt::Debug for AsyncPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncPool").field(&self.status()).finish()
    }
}
