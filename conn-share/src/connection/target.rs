//! Where a connection goes and how it logs in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::gate::LoginGate;
use crate::{HostKeys, Secret, SessionLog};

/// Who logs in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Credential {
    /// The user name; empty where the peer asks for none.
    pub username: String,
    /// The password, or nothing where a key is enough.
    pub password: Option<Secret>,
    /// A private key file for SSH.
    pub key: Option<PathBuf>,
    /// The key file's passphrase.
    pub passphrase: Option<Secret>,
}

/// Everything a [`ConnectionClass`](crate::ConnectionClass) needs to make a connection: address, credentials, platform, limits.
///
/// Values that are not set fall back to the connection class's own defaults.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Target {
    /// What people call it, for errors and logs: `r1`, or `r1 via mgmt`.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port; the protocol's own when not set.
    pub port: Option<u16>,
    /// The login.
    pub credential: Credential,
    /// Which SSH host keys are trusted; strict when not set. Means nothing to Telnet.
    pub host_keys: HostKeys,
    /// The secret for `enable`.
    pub enable: Option<Secret>,
    /// The platform's name (`frr`, `cisco_ios`, …); `generic` when not set.
    pub platform: Option<String>,
    /// Bounds opening and logging in.
    pub connect_timeout: Option<Duration>,
    /// Bounds one command.
    pub command_timeout: Option<Duration>,
    /// Further arguments for the class, by name, as a testbed file gives them.
    pub arguments: BTreeMap<String, String>,
    /// Where sessions are logged; nowhere when not set.
    pub log: Option<SessionLog>,
    /// The device's gate for logging in again; see [`LoginGate`].
    pub(crate) gate: Option<LoginGate>,
}

impl Target {
    /// A target at `host`, called by that name until told otherwise.
    pub fn new(host: impl Into<String>) -> Self {
        let host = host.into();
        Self { name: host.clone(), host, ..Self::default() }
    }

    /// Sets [`Target::name`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets [`Target::port`].
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the user name.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.credential.username = username.into();
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.credential.password = Some(password.into());
        self
    }

    /// Sets the private key file.
    #[must_use]
    pub fn key(mut self, path: impl Into<PathBuf>) -> Self {
        self.credential.key = Some(path.into());
        self
    }

    /// Sets which SSH host keys are trusted.
    #[must_use]
    pub fn host_keys(mut self, trust: HostKeys) -> Self {
        self.host_keys = trust;
        self
    }

    /// Sets the secret for `enable`.
    #[must_use]
    pub fn enable(mut self, secret: impl Into<Secret>) -> Self {
        self.enable = Some(secret.into());
        self
    }

    /// Sets the platform.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Sets [`Target::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// Sets [`Target::command_timeout`].
    #[must_use]
    pub fn command_timeout(mut self, limit: Duration) -> Self {
        self.command_timeout = Some(limit);
        self
    }

    /// Sets [`Target::log`].
    #[must_use]
    pub fn log(mut self, log: SessionLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets one further argument.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }
}
