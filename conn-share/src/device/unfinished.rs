//! Why a call of a `pcall` has no result of its own.

use std::io;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// Why a call of a [`pcall`](crate::pcall) has no result of its own.
///
/// Turned into the calls' own error type by `From`; write one for yours to use
/// [`Pcall::timeout`](crate::Pcall::timeout) and the like with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfinished {
    /// The call took longer than the limit for each call.
    #[error("the call did not finish within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The deadline of all calls passed.
    #[error("{} when the deadline of {limit:?} for all calls passed", begun(*started))]
    Deadline {
        /// The limit for the whole.
        limit: Duration,
        /// Whether this call had begun.
        started: bool,
    },
    /// Another call failed, and the caller had asked to stop then.
    #[error("{} when another call failed", begun(*started))]
    Stopped {
        /// Whether this call had begun.
        started: bool,
    },
}

fn begun(started: bool) -> &'static str {
    if started { "the call was under way" } else { "the call had not begun" }
}

impl Unfinished {
    /// Whether a limit of time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Deadline { .. })
    }

    /// Whether the call had begun, so that something may have reached the device.
    pub fn had_begun(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Deadline { started, .. } | Self::Stopped { started } => *started,
        }
    }
}

impl From<Unfinished> for Error {
    fn from(why: Unfinished) -> Self {
        let kind = if why.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Stopped };
        Self::new(kind, why.to_string()).with_sent(why.had_begun())
    }
}

impl From<Unfinished> for io::Error {
    fn from(why: Unfinished) -> Self {
        let kind = if why.is_timeout() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
        Self::new(kind, why)
    }
}
