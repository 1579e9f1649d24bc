//! Waiting for something that nobody announces: another program's state.

use std::thread;
use std::time::{Duration, Instant};

/// How often a wait asks again.
const POLL: Duration = Duration::from_millis(50);

/// Asks until `condition` holds; `None` when it has not within `limit`.
pub fn wait_for(limit: Duration, mut condition: impl FnMut() -> bool) -> Option<()> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if condition() {
            return Some(());
        }
        thread::sleep(POLL);
    }
    None
}

/// [`wait_for`], without blocking the thread.
pub async fn wait_for_async(limit: Duration, mut condition: impl FnMut() -> bool) -> Option<()> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if condition() {
            return Some(());
        }
        tokio::time::sleep(POLL).await;
    }
    None
}
