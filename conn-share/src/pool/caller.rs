//! Who takes workers: tasks, and threads where there is none.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Never used again, unlike the addresses of threads; 0 is one that ends.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
