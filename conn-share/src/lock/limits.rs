//! How long a wait for a lock may last, and after which time it is reported.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A wait longer than this is reported, unless the lock says otherwise. Long enough for a slow `show tech`, short
/// enough that somebody who watches a hanging script sees why.
const SLOW_WAIT: Duration = Duration::from_secs(10);

/// In nanoseconds; `u64::MAX` for no timeout.
pub(crate) struct Limits {
    timeout: AtomicU64,
    slow_wait: AtomicU64,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self { timeout: AtomicU64::new(u64::MAX), slow_wait: AtomicU64::new(nanos(SLOW_WAIT)) }
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        match self.timeout.load(Ordering::Relaxed) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(crate) fn set_timeout(&self, limit: Duration) {
        self.timeout.store(nanos(limit), Ordering::Relaxed);
    }

    pub(crate) fn slow_wait(&self) -> Duration {
        Duration::from_nanos(self.slow_wait.load(Ordering::Relaxed))
    }

    pub(crate) fn set_slow_wait(&self, threshold: Duration) {
        self.slow_wait.store(nanos(threshold), Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
