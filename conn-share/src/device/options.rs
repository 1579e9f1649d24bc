//! How a device is connected to: the options of one call, and of the layers below it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{HostKeys, SessionLog};

/// What [`Device::connect`](crate::Device::connect) is asked for, and what a path or a device presets.
///
/// Nothing is set to begin with. Layers are merged in one order, and what is set nearer to the call wins: the
/// defaults named below, the platform's, the device's ([`DeviceBuilder::options`](crate::DeviceBuilder::options)),
/// the path's (a testbed file's `connections`), the call's.
///
/// ```
/// use std::time::Duration;
///
/// use conn_share::ConnectOptions;
///
/// let options = ConnectOptions::via("mgmt").pool_size(5).pool_timeout(Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    pub(super) via: Option<String>,
    pub(super) alias: Option<String>,
    pub(super) pool_size: Option<usize>,
    pub(super) pool_timeout: Option<Duration>,
    pub(super) pool_reset: Option<bool>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) command_timeout: Option<Duration>,
    pub(super) credential: Option<String>,
    pub(super) host_keys: Option<HostKeys>,
    pub(super) log: Option<SessionLog>,
    pub(super) arguments: BTreeMap<String, String>,
}

impl ConnectOptions {
    /// Nothing set: the device's default path, one connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// By the path of this name. Default: the device's default path, or its only one.
    pub fn via(path: impl Into<String>) -> Self {
        Self { via: Some(path.into()), ..Self::default() }
    }

    /// The name under which the connection is found later. Default: the path's name.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// A pool of this many workers instead of a single connection. Default: a single connection.
    ///
    /// All of them count against the device's [`max_sessions`](crate::DeviceBuilder::max_sessions).
    #[must_use]
    pub fn pool_size(mut self, workers: usize) -> Self {
        self.pool_size = Some(workers);
        self
    }

    /// How long a request waits for a free worker of the pool. Default: without end, as users of locks expect.
    #[must_use]
    pub fn pool_timeout(mut self, limit: Duration) -> Self {
        self.pool_timeout = Some(limit);
        self
    }

    /// Whether a pool puts a worker back as [`connect`](crate::Connection::connect) left it (mode, paging, width)
    /// before the next caller gets it. Default: yes. Without it, callers find what the last one left.
    #[must_use]
    pub fn pool_reset(mut self, reset: bool) -> Self {
        self.pool_reset = Some(reset);
        self
    }

    /// Bounds opening a connection and logging in, the wait for the device's login gate included. Default: 60
    /// seconds, room for a slow login behind a busy gate.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// Bounds each command. Default: the platform's.
    #[must_use]
    pub fn command_timeout(mut self, limit: Duration) -> Self {
        self.command_timeout = Some(limit);
        self
    }

    /// Logs in with the device's credentials of this name. Default: `default`.
    #[must_use]
    pub fn credential(mut self, name: impl Into<String>) -> Self {
        self.credential = Some(name.into());
        self
    }

    /// Which SSH host keys are trusted. Default: those in the user's and the system's `known_hosts`, and no others.
    #[must_use]
    pub fn host_keys(mut self, trust: HostKeys) -> Self {
        self.host_keys = Some(trust);
        self
    }

    /// Logs what is said in the sessions, without the secrets. Default: no log.
    #[must_use]
    pub fn log(mut self, log: SessionLog) -> Self {
        self.log = Some(log);
        self
    }

    /// A further argument for the connection class. Arguments of several layers are merged by name.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }

    /// These options where they are set, `below` where they are not.
    #[must_use]
    pub fn over(mut self, below: &Self) -> Self {
        for (name, value) in &below.arguments {
            self.arguments.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Self {
            via: self.via.or_else(|| below.via.clone()),
            alias: self.alias.or_else(|| below.alias.clone()),
            pool_size: self.pool_size.or(below.pool_size),
            pool_timeout: self.pool_timeout.or(below.pool_timeout),
            pool_reset: self.pool_reset.or(below.pool_reset),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            command_timeout: self.command_timeout.or(below.command_timeout),
            credential: self.credential.or_else(|| below.credential.clone()),
            host_keys: self.host_keys.or_else(|| below.host_keys.clone()),
            log: self.log.or_else(|| below.log.clone()),
            arguments: self.arguments,
        }
    }
}
