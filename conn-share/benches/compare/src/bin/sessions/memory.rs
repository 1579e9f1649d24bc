//! How much memory this process has at most.

use std::fs;

/// What it has now, in MB; the peak is counted from here.
pub fn start() -> f64 {
    fs::write("/proc/self/clear_refs", "5").expect("procfs");
    read("VmRSS:")
}

/// The most that it had since [`start`], in MB.
pub fn peak() -> f64 {
    read("VmHWM:")
}

fn read(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024.0 / 1e6
}
