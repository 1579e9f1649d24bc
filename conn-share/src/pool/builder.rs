//! Building a pool.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::async_pool::AsyncPool;
use super::close::start;
use super::connector::Connector;
use super::error::PoolError;
use super::keeper;
use super::options::{MAX_SIZE, Options, StartPolicy};
use super::shared::Shared;
use super::tending::{Hooks, Tended, cause};
use crate::Lockable;
use crate::lock::recover_now;

/// The future of a hook.
type HookFuture<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'a>>;

/// Options of a pool that is about to start; from [`AsyncPool::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use conn_share::{AsyncPool, StartPolicy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(String::from("a session")) })
///     .size(5)
///     .timeout(Duration::from_secs(10)) // for a worker; default: no limit
///     .start_policy(StartPolicy::Degraded) // begin with what there is, heal in the background
///     .max_lifetime(Duration::from_secs(3600))
///     .is_broken(|session| session.is_empty())
///     .start()
///     .await?;
/// assert_eq!(pool.status().size, 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `start`"]
pub struct PoolBuilder<K: Connector> {
    connector: K,
    hooks: Hooks<K::Connection>,
    options: Options,
}

impl<K: Connector> PoolBuilder<K> {
    pub(super) fn new(connector: K) -> Self {
        Self { connector, hooks: Hooks::default(), options: Options::default() }
    }

    /// How many connections there may be, counting those being opened and closed. Default 4: a Cisco router has five
    /// VTY lines unless told otherwise, and somebody may have to log in by hand. At most 65,536.
    pub fn size(mut self, size: usize) -> Self {
        self.options.size = size;
        self
    }

    /// How long `get` waits, for its turn, a connection and its check together. Default: indefinitely, as with a lock.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Connects workers when they are asked for, and not at the start nor in the background.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// let pool = AsyncPool::builder(connect).size(2).lazy().start().await?;
    /// assert_eq!(pool.status().counters.connected, 0);
    /// drop(pool.get().await?);
    /// assert_eq!(pool.status().counters.connected, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn lazy(mut self) -> Self {
        self.options.lazy = true;
        self
    }

    /// What to do when not every worker can be connected at the start. Default [`StartPolicy::AllOrNothing`].
    pub fn start_policy(mut self, policy: StartPolicy) -> Self {
        self.options.policy = policy;
        self
    }

    /// How many connections are opened at the same time. Default 8: OpenSSH begins to refuse logins at random when ten
    /// are under way.
    pub fn connect_concurrency(mut self, limit: usize) -> Self {
        self.options.connect_concurrency = limit;
        self
    }

    /// Bounds one attempt to connect. Default 30 s, above what a login over a slow TACACS server takes.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout = limit;
        self
    }

    /// After how many failed attempts in a row those who wait are told, when no worker is alive. Default 3. Attempts
    /// made side by side count as one.
    pub fn connect_attempts(mut self, attempts: u32) -> Self {
        self.options.backoff.attempts = attempts;
        self
    }

    /// The wait after a failed attempt: `first`, doubled with each further failure up to `longest`, less up to a half of
    /// it by chance. Default 100 ms and 30 s. However short it is, others have a turn between two attempts; more than a
    /// year is a year.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.options.backoff.first = first;
        self.options.backoff.longest = longest;
        self
    }

    /// Bounds a check, a reset, a recovery and a goodbye, each. Default 10 s.
    pub fn tend_timeout(mut self, limit: Duration) -> Self {
        self.options.tend_timeout = limit;
        self
    }

    /// How long [`AsyncPool::close`] waits for loans. Default 30 s.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.options.close_timeout = limit;
        self
    }

    /// Replaces a worker at this age, or up to a tenth earlier by chance, so that workers connected together do not end
    /// together. Default: never.
    pub fn max_lifetime(mut self, limit: Duration) -> Self {
        self.options.max_lifetime = Some(limit);
        self
    }

    /// Replaces a worker that was idle for so long; a lazy pool only closes it. Default: never. Set it below the
    /// device's own limit (`exec-timeout`), which would end the session at a worse moment.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.options.idle_limit = Some(limit);
        self
    }

    /// A worker used less than this ago is lent without a check. Default 5 s. Zero: checked each time.
    pub fn check_after(mut self, rest: Duration) -> Self {
        self.options.check_after = rest;
        self
    }

    /// How often the background task looks whether idle workers are broken or interrupted, so that one that died is
    /// replaced before it is asked for, and not counted as idle. Default 1 s, since looking costs next to nothing; at
    /// least 10 ms. Without such a hook nobody looks; a request looks in any case.
    pub fn look_every(mut self, interval: Duration) -> Self {
        self.options.look_every = interval;
        self
    }

    /// A loan longer than this is reported once, as a `tracing` warning with the place that took it. Default 5 min.
    pub fn report_loans_after(mut self, limit: Duration) -> Self {
        self.options.long_loan = Some(limit);
        self
    }

    /// Instead of [`Connector::check`].
    ///
    /// ```
    /// # use conn_share::AsyncPool;
    /// # async fn start() -> Result<(), conn_share::PoolError> {
    /// let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(vec![1]) })
    ///     .check(|worker| Box::pin(async move { worker.first().map(|_| ()).ok_or("it is empty") }))
    ///     .start()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn check<E, F>(mut self, hook: F) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: for<'a> Fn(&'a mut K::Connection) -> HookFuture<'a, E> + Send + Sync + 'static,
        E: 'static,
    {
        self.hooks.check = Some(Box::new(move |worker| {
            let future = hook(worker);
            Box::pin(async move { future.await.map_err(cause) })
        }));
        self
    }

    /// Instead of [`Connector::reset`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::AsyncPool;
    /// # let connect = || async { Ok::<_, std::io::Error>(String::from("a session")) };
    /// let pool = AsyncPool::builder(connect)
    ///     .size(1)
    ///     .reset(|session| {
    ///         Box::pin(async move {
    ///             session.truncate("a session".len());
    ///             Ok::<_, std::io::Error>(())
    ///         })
    ///     })
    ///     .start()
    ///     .await?;
    /// pool.get().await?.push_str(", left in a bad state");
    /// assert_eq!(*pool.get().await?, "a session");
    /// # Ok(())
    /// # }
    /// ```
    pub fn reset<E, F>(mut self, hook: F) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: for<'a> Fn(&'a mut K::Connection) -> HookFuture<'a, E> + Send + Sync + 'static,
        E: 'static,
    {
        self.hooks.reset = Some(Box::new(move |worker| {
            let future = hook(worker);
            Box::pin(async move { future.await.map_err(cause) })
        }));
        self
    }

    /// Workers for which `hook` says no are lent again as they are.
    #[cfg(feature = "_talking")]
    pub(crate) fn reset_only_if(mut self, hook: impl Fn(&K::Connection) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.needs_reset = Some(Box::new(hook));
        self
    }

    /// Instead of [`Connector::disconnect`].
    pub fn disconnect<F, Leaving>(mut self, hook: F) -> Self
    where
        F: Fn(K::Connection) -> Leaving + Send + Sync + 'static,
        Leaving: Future<Output = ()> + Send + 'static,
    {
        self.hooks.disconnect = Some(Box::new(move |worker| Box::pin(hook(worker))));
        self
    }

    /// Besides [`Connector::is_broken`]. Asked often, of idle workers [every second](PoolBuilder::look_every), too; it must
    /// neither wait nor talk to the network.
    pub fn is_broken(mut self, hook: impl Fn(&K::Connection) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.is_broken = Some(Box::new(hook));
        self
    }

    /// A worker for which `hook` says so was cut off in the middle of something, and is recovered or replaced before a
    /// request sees it. Workers that wear `#[locked]` have [`PoolBuilder::lockable`].
    pub fn is_interrupted(mut self, hook: impl Fn(&K::Connection) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.is_interrupted = Some(Box::new(hook));
        self
    }

    /// How to put an interrupted worker back in order. Without it, it is replaced.
    pub fn recover<E, F>(mut self, hook: F) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: for<'a> Fn(&'a mut K::Connection) -> HookFuture<'a, E> + Send + Sync + 'static,
        E: 'static,
    {
        self.hooks.recover = Some(Box::new(move |worker| {
            let future = hook(worker);
            Box::pin(async move { future.await.map_err(cause) })
        }));
        self
    }

    /// Starts the pool: connects all workers side by side and spawns the task that looks after them, unless it is
    /// [lazy](PoolBuilder::lazy).
    ///
    /// # Errors
    ///
    /// [`PoolError::Config`] for a size or a concurrency of zero, and a size of more than 65,536;
    /// [`PoolError::Connect`] with every cause when a worker could not be connected and the policy is
    /// [`StartPolicy::AllOrNothing`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind: connections open already are dropped, without [`Connector::disconnect`].
    pub async fn start(self) -> Result<AsyncPool<K::Connection>, PoolError> {
        let Self { connector, hooks, options } = self;
        if options.size == 0 || options.size > MAX_SIZE {
            return Err(PoolError::Config(format!("a pool cannot have {} workers, but 1 to {MAX_SIZE}", options.size)));
        }
        if options.connect_concurrency == 0 {
            return Err(PoolError::Config("a pool that opens no connections at a time never opens one".to_owned()));
        }
        let lazy = options.lazy;
        let shared = Shared::new(Arc::new(Tended { connector, hooks }), options);
        if lazy {
            keeper::spawn(&shared);
        } else {
            start(&shared).await?;
        }
        Ok(AsyncPool::new(shared))
    }
}

impl<K: Connector> PoolBuilder<K>
where
    K::Connection: Lockable + Sync,
    <K::Connection as Lockable>::State: Send,
{
    /// Workers wear `#[locked]`: one whose call was cut off half-way is recovered by its own
    /// [`recover`](Lockable::recover) before the next request sees it, and replaced where that fails or there is none. So
    /// is one whose lock was closed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::{AsyncPool, ConnLock, LockError, Lockable, locked};
    ///
    /// #[derive(Default, Lockable)]
    /// #[lockable(recover = Self::clear)]
    /// struct Line {
    ///     lock: ConnLock<Vec<String>>,
    /// }
    ///
    /// #[locked]
    /// impl Line {
    ///     async fn hang(&self) -> Result<(), LockError> {
    ///         self.lock.state().push("half a command".to_owned());
    ///         std::future::pending().await
    ///     }
    /// }
    ///
    /// impl Line {
    ///     async fn clear(&self) {
    ///         self.lock.state().clear();
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let connect = || async { Ok::<_, std::io::Error>(Line::default()) };
    /// let pool = AsyncPool::builder(connect).size(1).lockable().start().await?;
    /// let worker = pool.get().await?;
    /// tokio::time::timeout(Duration::from_millis(10), worker.hang()).await.expect_err("it hangs");
    /// assert!(worker.lock.is_interrupted());
    /// drop(worker);
    /// assert!(!pool.get().await?.lock.is_interrupted());
    /// # Ok(())
    /// # }
    /// ```
    pub fn lockable(self) -> Self {
        // A section on a closed lock fails, so such a worker is replaced.
        self.is_interrupted(|worker| worker.conn_lock().is_interrupted() || worker.conn_lock().is_closed())
            .recover(|worker| Box::pin(recover_now(&*worker)))
    }
}

impl<K: Connector> std::fmt::Debug for PoolBuilder<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
