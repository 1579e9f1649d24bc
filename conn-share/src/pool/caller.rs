//! Who takes workers: tasks, and threads where there is none.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task;

use super::sync::thread_local;

/// One that does one thing after the other, so far as the pool can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Task(task::Id),
    /// What a thread runs by itself, as in `block_on` and in `main`.
    Thread(u64),
}

impl Caller {
    /// Whoever runs this.
    #[inline]
    pub(super) fn here() -> Self {
        thread_local! {
            static NUMBER: u64 = next_number();
        }
        match task::try_id() {
            Some(id) => Self::Task(id),
            None => Self::Thread(NUMBER.try_with(|number| *number).unwrap_or(0)),
        }
    }

    pub(super) fn task(self) -> Option<task::Id> {
        match self {
            Self::Task(id) => Some(id),
            Self::Thread(_) => None,
        }
    }
}

/// Who asks for a worker, as the pool tells those who wait for it.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) place: &'static Location<'static>,
    /// What for, where that says more than the place.
    pub(super) purpose: Option<Arc<str>>,
    pub(super) caller: Caller,
}

/// How long one may wait for itself before it is warned: longer than a task that uses its workers side by side, or has
/// given them to others, waits for one mostly.
pub(super) const SELF_WAIT: Duration = Duration::from_secs(1);

impl Asker {
    pub(super) fn warn_of_self_wait(&self) {
        let purpose = self.purpose.as_deref();
        tracing::warn!(place = %self.place, purpose, "every worker was taken by the task that waits for another");
    }
}

/// Never used again, unlike the addresses of threads; 0 is one that ends.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
