//! Why a lock was not taken.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::graph::Step;
use super::site::Site;

/// Why a lock was not taken.
///
/// A locked method that returns a `Result<_, E>` returns it as `E: From<LockError>`; `std::io::Error`,
/// `Box<dyn Error + Send + Sync>`, `anyhow::Error` and the crate's own `Error` qualify out of the box.
///
/// ```
/// use conn_share::LockError;
///
/// fn explain(error: &LockError) -> String {
///     match error {
///         LockError::Timeout(timeout) => match timeout.holder() {
///             Some(holder) => format!("{} has it since {:?} at least", holder.method(), holder.held_for_at_least()),
///             None => "it was just changing hands".to_owned(),
///         },
///         LockError::Deadlock(cycle) => format!("waiting for each other: {}", cycle.waiters().collect::<Vec<_>>().join(", ")),
///         other => other.to_string(),
///     }
/// }
///
/// assert_eq!(explain(&LockError::Closed), "the lock is closed");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LockError {
    /// The wait was bounded and its limit ran out. Nothing of the method has run; the same call may succeed later.
    Timeout(Box<LockTimeout>),
    /// The lock was closed, before the call or while it waited.
    Closed,
    /// An earlier section was cut off half-way, and the type does not say how to put its state back in order.
    Interrupted,
    /// An earlier section was cut off half-way and `recover` failed. The next section tries again.
    Recovery(Box<dyn StdError + Send + Sync>),
    /// To wait would close a cycle of sections that wait for each other's locks. Nothing of the method has run.
    Deadlock(Box<Deadlock>),
}

impl LockError {
    /// The wait was bounded and its limit ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// The lock was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// To wait would have been to wait for ever.
    pub fn is_deadlock(&self) -> bool {
        matches!(self, Self::Deadlock(_))
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Closed => f.write_str("the lock is closed"),
            Self::Interrupted => f.write_str(
                "an earlier locked call was cut off half-way and its state may be half-done: write \
                 `#[lockable(recover = Self::method)]` on the type to put it in order, or `#[lockable(accept_interrupted)]` \
                 if it cannot be half-done",
            ),
            Self::Recovery(_) => f.write_str("an earlier locked call was cut off half-way and recovery failed"),
            Self::Deadlock(cycle) => cycle.fmt(f),
        }
    }
}

impl StdError for LockError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Recovery(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl From<LockError> for std::io::Error {
    fn from(error: LockError) -> Self {
        let kind = match error {
            LockError::Timeout(_) => std::io::ErrorKind::TimedOut,
            LockError::Closed => std::io::ErrorKind::NotConnected,
            LockError::Deadlock(_) => std::io::ErrorKind::Deadlock,
            LockError::Interrupted | LockError::Recovery(_) => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A wait that ran into its limit, and what it waited for.
#[derive(Debug)]
pub struct LockTimeout {
    waiter: &'static Site,
    limit: Duration,
    holder: Option<Holder>,
}

impl LockTimeout {
    pub(crate) fn new(waiter: &'static Site, limit: Duration, holder: Option<Holder>) -> Self {
        Self { waiter, limit, holder }
    }

    /// The limit that ran out.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Who had the lock, or the turn in a section, when the limit ran out; `None` if it was between two holders just then.
    pub fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }
}

impl fmt::Display for LockTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} did not get the lock within {:?}", self.waiter, self.limit)?;
        match &self.holder {
            Some(holder) => write!(f, ": held by {holder}"),
            None => f.write_str(": it was being handed from one holder to the next"),
        }
    }
}

/// Who has a lock.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    site: &'static Site,
    at_least: Duration,
}

impl Holder {
    pub(crate) fn new(site: &'static Site, at_least: Duration) -> Self {
        Self { site, at_least }
    }

    /// The outermost locked method, as `Type::method`; in the error of a call that waited beside siblings of one section,
    /// the sibling that had the turn.
    pub fn method(&self) -> &'static str {
        self.site.name()
    }

    /// The source file of the method.
    pub fn file(&self) -> &'static str {
        self.site.file()
    }

    /// The line of the method in its file.
    pub fn line(&self) -> u32 {
        self.site.line()
    }

    /// For how long at least: counted from when somebody first had to wait or asked, since the free path reads no clock.
    pub fn held_for_at_least(&self) -> Duration {
        self.at_least
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for at least {:?}", self.site, self.at_least)
    }
}

/// A cycle of sections, each of which waits for a lock that the next one has.
#[derive(Debug)]
pub struct Deadlock {
    steps: Vec<Step>,
}

impl Deadlock {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// The methods that wait, the one that got this error first; each with its place.
    pub fn waiters(&self) -> impl Iterator<Item = String> + '_ {
        self.steps.iter().map(|step| step.waits.to_string())
    }

    /// How many locks are in the cycle.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Never: a cycle has at least one step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadlock")?;
        for (index, step) in self.steps.iter().enumerate() {
            let joint = if index == 0 { ":" } else { "," };
            write!(f, "{joint} {} waits for the lock that {} holds", step.waits, step.holds)?;
        }
        Ok(())
    }
}
