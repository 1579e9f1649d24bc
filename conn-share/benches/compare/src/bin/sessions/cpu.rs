//! The CPU that this process has used.

use std::fs;
use std::time::Duration;

/// The sum over all threads that are alive, to the nanosecond. Right as long as none ends between two calls.
pub fn used() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("procfs");
    let nanos = threads.filter_map(|thread| {
        let schedule = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        schedule.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
