//! A pool at one moment.

use super::error::Holder;

/// One consistent snapshot of a pool, from [`AsyncPool::status`](crate::AsyncPool::status).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// How many connections there may be.
    pub size: usize,
    /// Workers that a request may have at once.
    pub idle: usize,
    /// Workers that requests have.
    pub on_loan: usize,
    /// Connections being opened.
    pub connecting: usize,
    /// Workers that are being recovered, reset or checked, or wait for that.
    pub tending: usize,
    /// Workers that are being disconnected, or wait for that.
    pub closing: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// The longest loan, its place and its task.
    pub oldest_loan: Option<Holder>,
    /// Why connecting failed last, unless it has worked since.
    pub last_connect_error: Option<String>,
    /// The pool is closed, or closing.
    pub closed: bool,
    /// What happened since the pool was built.
    pub counters: Counters,
}

/// What happened since a pool was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Workers lent.
    pub lent: u64,
    /// Connections opened.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Workers that were closed or lost.
    pub closed: u64,
    /// Requests whose time ran out.
    pub timeouts: u64,
}
