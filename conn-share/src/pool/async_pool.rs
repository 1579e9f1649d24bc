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
use super::options::MAX_SIZE;
use super::request::{take, try_take};
use super::shared::Shared;
use super::status::Status;
use super::sync::Instant;

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
/// await it, or drop it. A task that keeps a guard while it asks for another can wait for itself. Once one has
/// waited for a second, while it had taken all workers and none came back, the pool's background task warns of it.
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let worker = pool.get().await?;
    /// assert_eq!(*worker, "a session");
    ///
    /// // It owns its share of the pool, and may go wherever it is needed.
    /// let length = tokio::spawn(async move { worker.len() }).await?;
    /// assert_eq!(length, 9);
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let _both = (pool.get().await?, pool.get().await?);
    /// let error = pool.get_timeout(Duration::from_millis(10)).await.expect_err("none is free");
    /// assert!(error.is_timeout());
    /// println!("{error}"); // and who has the workers, since when
    /// # Ok(())
    /// # }
    /// ```
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
    /// at this very moment is not ready. Of a lazy pool that has none to lend, one connection is opened for the next
    /// who asks.
    ///
    /// A worker is made ready by the background task, or by those who wait: where the runtime of that task has ended, a pool
    /// that resets its workers needs a [`AsyncPool::get`] now and then.
    ///
    /// ```
    /// use conn_share::PoolError;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let one = pool.try_get()?;
    /// let other = pool.try_get()?;
    /// assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    /// drop(one);
    /// assert!(pool.try_get().is_ok());
    /// # drop(other);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PoolError::NoneFree`], [`PoolError::Closed`].
    #[track_caller]
    pub fn try_get(&self) -> Result<WorkerGuard<C>, PoolError> {
        try_take(&self.shared, Location::caller())
    }

    /// Changes how many connections there may be. More are connected in the background or on demand; of too many the
    /// idle ones are closed now, those on loan when they come back. With 0, requests wait until there are some again. More
    /// than 65,536 are as many as that.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// pool.resize(1);
    /// let worker = pool.get().await?;
    /// assert!(pool.try_get().is_err());
    /// assert_eq!(pool.status().size, 1);
    /// # drop(worker);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resize(&self, size: usize) {
        self.shared.resize(size.min(MAX_SIZE));
    }

    /// Closes the pool: refuses new requests and tells those who wait, waits for loans up to the
    /// [`close_timeout`](PoolBuilder::close_timeout), disconnects the workers. Returns what it had to cut. Attempts to
    /// connect that are under way are given up at once.
    ///
    /// Of several calls at the same time the one with the shortest limit cuts for all, and each says what was cut.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let worker = pool.get().await?;
    /// let (drained, ()) = tokio::join!(pool.close(), async {
    ///     tokio::task::yield_now().await;
    ///     assert!(pool.get().await.expect_err("closing").is_closed());
    ///     drop(worker); // what `close` waits for
    /// });
    /// assert!(drained.is_clean());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed. Workers are disconnected in the background as they come back, or by another `close`.
    pub async fn close(&self) -> Drained {
        drain(&self.shared, self.shared.options.close_timeout).await
    }

    /// [`AsyncPool::close`] with a limit of its own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let _kept = pool.get().await?;
    /// let drained = pool.close_timeout(Duration::from_millis(10)).await;
    /// for holder in &drained.cut {
    ///     println!("cut: {holder}"); // which worker, who took it where, and when
    /// }
    /// assert_eq!(drained.cut.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
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
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// # let pool = AsyncPool::builder(connect).size(2).start().await?;
    /// let worker = pool.get().await?;
    /// let status = pool.status();
    /// assert_eq!((status.size, status.idle, status.on_loan), (2, 1, 1));
    /// let oldest = status.oldest_loan.expect("one is on loan");
    /// println!("taken at {} {:?} ago", oldest.place, oldest.held);
    /// # drop(worker);
    /// # Ok(())
    /// # }
    /// ```
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
