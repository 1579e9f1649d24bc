//! What can be chosen about a pool, with the defaults.

use std::time::Duration;

use super::health::Backoff;

/// What a pool does when not every worker can be connected at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StartPolicy {
    /// Those that are open already are closed again, and the start is an error that names every cause.
    #[default]
    AllOrNothing,
    /// The pool starts with those that are there, even none, and connects the others in the background. It starts once
    /// one is there and for every other slot an attempt has ended, or
    /// [`connect_timeout`](crate::PoolBuilder::connect_timeout) has gone by; without any, once attempts have failed for
    /// good.
    Degraded,
}

/// As many as one address can have to one port of a device; more cannot be meant, and their slots would only fill memory.
pub(super) const MAX_SIZE: usize = 65_536;

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) size: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) lazy: bool,
    pub(super) policy: StartPolicy,
    pub(super) connect_concurrency: usize,
    pub(super) connect_timeout: Duration,
    pub(super) tend_timeout: Duration,
    pub(super) close_timeout: Duration,
    pub(super) backoff: Backoff,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) idle_limit: Option<Duration>,
    pub(super) check_after: Duration,
    pub(super) look_every: Duration,
    pub(super) long_loan: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Cisco IOS has five VTY lines unless told otherwise; taking all of them would lock out people.
            size: 4,
            timeout: None,
            lazy: false,
            policy: StartPolicy::AllOrNothing,
            // OpenSSH begins to refuse logins at random from ten unauthenticated ones on.
            connect_concurrency: 8,
            // Above what a login over a slow TACACS server takes.
            connect_timeout: Duration::from_secs(30),
            tend_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(30), attempts: 3 },
            max_lifetime: None,
            idle_limit: None,
            check_after: Duration::from_secs(5),
            look_every: Duration::from_secs(1),
            long_loan: Some(Duration::from_secs(300)),
        }
    }
}

impl Options {
    /// Whether a worker that is lost is replaced before anybody asks.
    pub(super) fn heals(&self) -> bool {
        !self.lazy
    }
}
