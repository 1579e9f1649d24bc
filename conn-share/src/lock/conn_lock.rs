//! The lock that a type wears.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Lent};
use super::error::Holder;
use super::raw::{self, AsMut, StateCell};

/// The lock of one instance: a re-entrant `tokio::sync::Mutex` that owns the state it protects.
///
/// A type that wears `#[locked]` has one as a field. Its locked methods hold it while they run; inside them
/// [`ConnLock::state`] lends the state. Chains of calls are served in the order in which they came.
///
/// ```
/// use conn_share::{ConnLock, LockError, Lockable, locked};
///
/// #[derive(Lockable)]
/// #[lockable(accept_interrupted)] // a number cannot be half-counted
/// struct Counter {
///     lock: ConnLock<u32>,
/// }
///
/// #[locked]
/// impl Counter {
///     async fn next(&self) -> Result<u32, LockError> {
///         let mut count = self.lock.state();
///         *count += 1;
///         Ok(*count)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counter = Counter { lock: ConnLock::new(0) };
/// assert_eq!(counter.next().await?, 1);
/// assert_eq!(counter.next().await?, 2);
/// assert!(counter.lock.holder().is_none());
/// assert_eq!(counter.lock.into_state(), 2);
/// # Ok(())
/// # }
/// ```
pub struct ConnLock<S = ()> {
    core: Arc<Core>,
    state: StateCell<S>,
}

impl<S> ConnLock<S> {
    /// A free lock around `state`. Waits for it last as long as it takes.
    pub fn new(state: S) -> Self {
        Self { core: Arc::new(Core::new()), state: StateCell::new(state) }
    }

    /// Bounds every wait of a method that returns a `Result`; default: no bound. A method's own
    /// `#[locked(timeout = ..)]` goes before it. Needs a runtime with its timer enabled.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// let line = Line { lock: ConnLock::new(Vec::new()).with_timeout(Duration::from_millis(20)) };
    /// let busy = line.exclusive(std::future::pending::<()>());
    /// let late = async { line.exclusive(async {}).await.expect_err("somebody else has it") };
    /// let error = tokio::select! { biased; _ = busy => unreachable!(), error = late => error };
    /// assert!(error.is_timeout());
    /// assert!(error.to_string().contains("did not get the lock within 20ms: held by exclusive ("));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_timeout(self, limit: Duration) -> Self {
        self.core.limits.set_timeout(limit);
        self
    }

    /// Sets how long a wait may last before one `tracing` warning says who waits for whom; default: 10 s.
    #[must_use]
    pub fn with_slow_wait(self, threshold: Duration) -> Self {
        self.core.limits.set_slow_wait(threshold);
        self
    }

    /// The state, for the innermost locked section of the calling chain.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// line.exclusive(async {
    ///     line.lock.state().push("show version".to_owned());
    ///     assert_eq!(line.lock.state().len(), 1); // the first guard is gone by now
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Where [`ConnLock::try_state`] has an error.
    #[track_caller]
    pub fn state(&self) -> StateGuard<'_, S> {
        match self.try_state() {
            Ok(guard) => guard,
            Err(error) => panic!("{error}"),
        }
    }

    /// The state, for the innermost locked section of the calling chain.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// let outside = line.lock.try_state().expect_err("no section holds the lock");
    /// assert!(outside.to_string().contains("outside a locked section"));
    /// line.exclusive(async {
    ///     let lent = line.lock.try_state().expect("this is the innermost section");
    ///     assert!(line.lock.try_state().is_err()); // one guard at a time
    ///     drop(lent);
    ///     assert!(line.lock.try_state().is_ok());
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The caller is in no locked section of this instance, or not in the innermost, or a guard is out already.
    #[track_caller]
    pub fn try_state(&self) -> Result<StateGuard<'_, S>, StateError> {
        let place = Location::caller();
        let Some(depth) = raw::chain(|frame| frame.is_of(&self.core).then_some(frame.depth())) else {
            return Err(StateError(if self.core.is_closed() { Misuse::Closed } else { Misuse::Outside }));
        };
        match self.core.lend(depth, place) {
            Ok(()) => Ok(StateGuard { lock: self, _as_mut: AsMut::default() }),
            Err(Lent::Deeper(site)) => Err(StateError(Misuse::NotInnermost(site.map(ToString::to_string)))),
            Err(Lent::At(place)) => Err(StateError(Misuse::Lent(place))),
        }
    }

    /// The state, without a lock: nobody else can have the instance.
    pub fn get_mut(&mut self) -> &mut S {
        self.state.get_mut()
    }

    /// The state, for good.
    pub fn into_state(self) -> S {
        self.state.into_state()
    }

    /// Refuses all further calls with [`LockError::Closed`](crate::LockError::Closed), also those that wait. A section
    /// that is in, and its nested calls, may finish.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// let waits = line.exclusive(async {
    ///     line.lock.close();
    ///     line.lock.state().push("who is in may finish".to_owned());
    /// });
    /// waits.await?;
    /// assert!(line.exclusive(async {}).await.expect_err("closed").is_closed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        self.core.close();
    }

    /// Whether [`ConnLock::close`] was called. Never waits.
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// Who has the lock. Never waits.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// line.exclusive(async {
    ///     let holder = line.lock.holder().expect("we are in");
    ///     println!("{} at {}:{}", holder.method(), holder.file(), holder.line());
    /// })
    /// .await?;
    /// assert!(line.lock.holder().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn holder(&self) -> Option<Holder> {
        self.core.holder_since().map(|(site, known)| Holder::new(site, known))
    }

    /// How many calls wait: for the lock, or inside a section for a sibling. Never waits.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// let first = line.exclusive(async {
    ///     tokio::task::yield_now().await; // the other one comes, and waits
    ///     line.lock.waiters()
    /// });
    /// let (waiters, second) = tokio::join!(first, line.exclusive(async {}));
    /// assert_eq!((waiters?, line.lock.waiters()), (1, 0));
    /// second?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn waiters(&self) -> usize {
        self.core.queue().waiting()
    }

    /// Whether a section was cut off half-way and nothing has recovered it since. Never waits.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, Lockable, LockableExt};
    /// # #[derive(Lockable)]
    /// # #[lockable(recover = Self::clear)]
    /// # struct Line { lock: ConnLock<Vec<String>> }
    /// # impl Line { async fn clear(&self) { self.lock.state().clear() } }
    /// # let line = Line { lock: ConnLock::new(Vec::new()) };
    /// let section = line.exclusive(std::future::pending::<()>());
    /// tokio::time::timeout(Duration::from_millis(10), section).await.expect_err("cut off half-way");
    /// assert!(line.lock.is_interrupted());
    /// line.exclusive(async {}).await?; // runs `recover` first
    /// assert!(!line.lock.is_interrupted());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_interrupted(&self) -> bool {
        self.core.is_interrupted()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl<S> From<S> for ConnLock<S> {
    fn from(state: S) -> Self {
        Self::new(state)
    }
}

impl<S: Default> Default for ConnLock<S> {
    fn default() -> Self {
        Self::new(S::default())
    }
}

impl<S> fmt::Debug for ConnLock<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnLock")
            .field("holder", &self.core.holder())
            .field("waiters", &self.waiters())
            .field("interrupted", &self.is_interrupted())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// The state of a [`ConnLock`], lent to one section.
///
/// A guard that outlives its section keeps the instance locked until it is dropped.
pub struct StateGuard<'a, S> {
    lock: &'a ConnLock<S>,
    _as_mut: AsMut<'a, S>,
}

impl<S> Deref for StateGuard<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: we are the lock's one state guard, and lend it no longer than we are borrowed.
        unsafe { &*self.lock.state.get() }
    }
}

impl<S> DerefMut for StateGuard<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as above, and we are borrowed mutably.
        unsafe { &mut *self.lock.state.get() }
    }
}

impl<S> Drop for StateGuard<'_, S> {
    #[inline]
    fn drop(&mut self) {
        self.lock.core.unlend();
    }
}

impl<S: fmt::Debug> fmt::Debug for StateGuard<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Why [`ConnLock::try_state`] did not lend the state.
#[derive(Debug)]
pub struct StateError(Misuse);

#[derive(Debug)]
enum Misuse {
    Outside,
    Closed,
    NotInnermost(Option<String>),
    Lent(Option<&'static Location<'static>>),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Misuse::Outside => f.write_str(
                "the state was asked for outside a locked section of this instance: call from a `#[locked]` method, or \
                 inside `exclusive(..)`, in the same task",
            ),
            Misuse::Closed => f.write_str(
                "the state was asked for outside a locked section, and the lock is closed: use `get_mut` or `into_state`",
            ),
            Misuse::NotInnermost(Some(site)) => write!(
                f,
                "the state belongs to a section deeper in this chain, entered by {site}: let that call finish, or drop \
                 its future, first"
            ),
            Misuse::NotInnermost(None) => f.write_str("the state belongs to a section deeper in this chain"),
            Misuse::Lent(Some(place)) => {
                write!(f, "the state is lent already, to the guard taken at {place}: drop that guard first")
            }
            Misuse::Lent(None) => f.write_str("the state is lent already: drop that guard first"),
        }
    }
}

impl std::error::Error for StateError {}
