//! Why a pool did not lend a worker.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio::task;

/// What went wrong in a connector's hands; shared by all who are told.
pub(super) type Cause = Arc<dyn StdError + Send + Sync>;

/// Why a pool did not lend a worker, or did not start.
///
/// ```
/// use conn_share::PoolError;
///
/// fn explain(error: &PoolError) -> String {
///     match error {
///         PoolError::Timeout(timeout) => format!("{} for too long; see {:?}", timeout.phase(), timeout.holders()),
///         PoolError::Connect(failure) => match failure.cause() {
///             Some(cause) => format!("{} attempts failed: {cause}", failure.attempts()),
///             None => format!("{} attempts failed", failure.attempts()),
///         },
///         other => other.to_string(),
///     }
/// }
///
/// assert_eq!(explain(&PoolError::Closed), "the pool is closed");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// No worker was there in time.
    Timeout(PoolTimeout),
    /// The pool is closed, or was closed during the wait.
    Closed,
    /// No worker could be connected, and none is alive that one could wait for.
    Connect(ConnectFailure),
    /// `try_get`: no worker is free at this moment.
    NoneFree,
    /// The pool cannot be built like this: the text says why.
    Config(String),
    /// The call makes sense on a worker only: the text says what to do.
    Refused(&'static str),
}

/// A request that waited too long: in which phase, for whom, and what was wrong with the device.
#[derive(Debug)]
pub struct PoolTimeout(Box<TimeoutDetail>);

#[derive(Debug)]
pub(super) struct TimeoutDetail {
    pub(super) phase: PoolPhase,
    pub(super) waited: Duration,
    pub(super) holders: Vec<Holder>,
    pub(super) all_mine: bool,
    pub(super) cause: Option<Cause>,
}

/// What a request was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolPhase {
    /// Its turn, while workers were on loan.
    Waiting,
    /// A connection to be opened.
    Connecting,
    /// A worker to be checked, reset or recovered.
    Checking,
}

/// Who has a worker, and for how long about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// The worker's number, as [`WorkerGuard::id`](crate::WorkerGuard::id) gives it.
    pub worker: u64,
    /// Where the worker was asked for.
    pub place: &'static Location<'static>,
    /// What it does, where a call on the pool itself asked: `execute("show version")`. The start of the command, escaped,
    /// without what follows a word such as `password`.
    pub purpose: Option<Arc<str>>,
    /// The task that asked, where it ran in one.
    pub task: Option<task::Id>,
    /// How long ago.
    pub held: Duration,
}

/// Attempts to connect that failed.
#[derive(Debug)]
pub struct ConnectFailure(Box<FailureDetail>);

#[derive(Debug)]
pub(super) struct FailureDetail {
    pub(super) attempts: u32,
    pub(super) causes: Vec<Cause>,
    pub(super) retry_in: Option<Duration>,
}

impl PoolError {
    /// The wait was bounded and the bound ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// The pool is closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl PoolTimeout {
    pub(super) fn new(detail: TimeoutDetail) -> Self {
        Self(Box::new(detail))
    }

    /// What the request was waiting for when its time ran out.
    pub fn phase(&self) -> PoolPhase {
        self.0.phase
    }

    /// How long it had waited.
    pub fn waited(&self) -> Duration {
        self.0.waited
    }

    /// Who had the workers then.
    pub fn holders(&self) -> &[Holder] {
        &self.0.holders
    }

    /// Every worker had been taken by the task that waited, or outside of tasks by its thread. Unless it had given them to
    /// others, or used them side by side, it was waiting for itself.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::{AsyncPool, PoolError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), PoolError> {
    /// let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(()) }).size(1).start().await?;
    /// let _mine = pool.get().await?;
    /// match pool.get_timeout(Duration::from_millis(10)).await {
    ///     Err(PoolError::Timeout(timeout)) => assert!(timeout.all_taken_by_caller()),
    ///     _ => unreachable!("there is one worker, and it is mine"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn all_taken_by_caller(&self) -> bool {
        self.0.all_mine
    }

    /// Why connecting failed last, when it did.
    pub fn last_connect_error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }
}

impl ConnectFailure {
    pub(super) fn new(detail: FailureDetail) -> Self {
        Self(Box::new(detail))
    }

    /// How many attempts in a row have failed; those made side by side count as one.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Why: the first of several; `source()` of the pool's error.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.causes.first().map(|cause| &**cause)
    }

    /// Every cause, where several workers were to be connected.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn StdError + Send + Sync + 'static)> {
        self.0.causes.iter().map(|cause| &**cause)
    }

    /// When the pool will try again; until then requests fail at once.
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.retry_in
    }
}

impl fmt::Display for PoolPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Checking => "checking",
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} has been with ", self.worker)?;
        match &self.purpose {
            Some(purpose) => f.write_str(purpose)?,
            None => write!(f, "{}", self.place)?,
        }
        if let Some(task) = self.task {
            write!(f, " (task {task})")?;
        }
        write!(f, " for {:.1?}", self.held)
    }
}

impl fmt::Display for PoolTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than these would not be read.
        const SHOWN: usize = 8;
        let TimeoutDetail { phase, waited, holders, all_mine, cause } = &*self.0;
        write!(f, "no worker within {waited:.1?} ({phase})")?;
        if *all_mine {
            f.write_str("; every worker was taken by the one who waited")?;
        }
        for holder in holders.iter().take(SHOWN) {
            write!(f, "; {holder}")?;
        }
        if holders.len() > SHOWN {
            write!(f, "; and {} more", holders.len() - SHOWN)?;
        }
        if cause.is_some() {
            f.write_str("; connecting failed")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FailureDetail { attempts, causes, retry_in } = &*self.0;
        write!(f, "no worker could be connected in {attempts} attempt{}", plural(*attempts))?;
        if let Some(retry) = retry_in {
            write!(f, ", next one in {retry:.1?}")?;
        }
        // The first is the source, and printed by whoever walks the chain.
        for cause in causes.iter().skip(1) {
            write!(f, "; also: {cause}")?;
        }
        Ok(())
    }
}

fn plural(n: u32) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Closed => f.write_str("the pool is closed"),
            Self::Connect(failure) => failure.fmt(f),
            Self::NoneFree => f.write_str("no worker is free"),
            Self::Config(text) => f.write_str(text),
            Self::Refused(text) => f.write_str(text),
        }
    }
}

impl StdError for PoolError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let cause = match self {
            Self::Timeout(timeout) => timeout.0.cause.as_deref(),
            Self::Connect(failure) => failure.0.causes.first().map(|cause| &**cause),
            _ => None,
        };
        cause.map(|cause| cause as _)
    }
}

impl From<PoolError> for io::Error {
    fn from(error: PoolError) -> Self {
        let kind = match &error {
            PoolError::Timeout(_) => io::ErrorKind::TimedOut,
            PoolError::Closed => io::ErrorKind::NotConnected,
            PoolError::NoneFree => io::ErrorKind::WouldBlock,
            PoolError::Config(_) => io::ErrorKind::InvalidInput,
            PoolError::Refused(_) => io::ErrorKind::Unsupported,
            PoolError::Connect(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
