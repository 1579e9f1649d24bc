//! One deadline that enters at the top and is handed down.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A moment by which a whole operation must be done; each phase takes from what is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `after` from now; so far away that it cannot be expressed means never.
    pub(crate) fn after(after: Duration) -> Self {
        Self(Instant::now().checked_add(after))
    }

    /// No deadline.
    pub(crate) const NEVER: Self = Self(None);

    /// The earlier of the two.
    pub(crate) fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// What is left; `None` when there is no deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the moment has come.
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// The moment, for timers.
    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Runs `future` until the deadline; `Err(Passed)` when it did not finish.
    pub(crate) async fn bound<F: Future>(self, future: F) -> Result<F::Output, Passed> {
        match self.0 {
            Some(at) => timeout_at(at, future).await.map_err(|_| Passed),
            None => Ok(future.await),
        }
    }
}

/// A deadline passed before the work was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed;
