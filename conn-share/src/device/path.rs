//! A way to a device.

use std::collections::BTreeMap;

use crate::{Credential, Error, Result, Target};

use super::ConnectOptions;

/// A way to a device, known to it by a name that [`ConnectOptions::via`] takes: address, protocol, class.
///
/// ```
/// use conn_share::Path;
///
/// let mgmt = Path::ssh("192.0.2.1");
/// let console = Path::telnet("terminal-server.example").port(2003);
/// ```
#[derive(Clone, Debug)]
pub struct Path {
    pub(super) protocol: String,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) class: Option<String>,
    pub(super) proxy: Vec<String>,
    /// The way through the proxies, for SSH.
    pub(super) jump: Option<Target>,
    /// Why there is no such way.
    pub(super) no_jump: Option<Error>,
    pub(super) credentials: BTreeMap<String, Result<Credential>>,
    pub(super) options: ConnectOptions,
    /// Why it cannot be taken, where that is known already.
    pub(super) problem: Option<Error>,
}

impl Path {
    /// To `host` by `protocol`: a name under which a connection class is registered, such as `ssh` or `telnet`.
    pub fn new(protocol: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            protocol: protocol.into(),
            host: host.into(),
            port: None,
            class: None,
            proxy: Vec::new(),
            jump: None,
            no_jump: None,
            credentials: BTreeMap::new(),
            options: ConnectOptions::default(),
            problem: None,
        }
    }

    /// To `host` by SSH.
    pub fn ssh(host: impl Into<String>) -> Self {
        Self::new("ssh", host)
    }

    /// To `host` by Telnet, or to a console line over raw TCP.
    pub fn telnet(host: impl Into<String>) -> Self {
        Self::new("telnet", host)
    }

    /// The port. Default: the protocol's own.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The connection class for [`Device::open`](crate::Device::open), by the name it is registered under. Default:
    /// the one registered for the protocol.
    #[must_use]
    pub fn class(mut self, name: impl Into<String>) -> Self {
        self.class = Some(name.into());
        self
    }

    /// Goes through another host, by its name alone; several are passed in the order given. The class gets them as its
    /// argument `proxy`, separated by commas. The crate's own classes need to know how to log in there, and refuse: see
    /// [`Path::jump`].
    #[must_use]
    pub fn proxy(mut self, host: impl Into<String>) -> Self {
        self.proxy.push(host.into());
        self
    }

    /// Goes through an SSH server, with credentials and host keys of its own; see [`Target::jump`]. For SSH alone.
    #[must_use]
    pub fn jump(mut self, host: Target) -> Self {
        self.jump = Some(host);
        self
    }

    /// Credentials for this path alone; they go before the device's of the same name.
    #[must_use]
    pub fn credential(mut self, name: impl Into<String>, credential: Credential) -> Self {
        self.credentials.insert(name.into(), Ok(credential));
        self
    }

    /// Options for connections by this path; a call's own go before them. `via` has no meaning here.
    #[must_use]
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options.over(&self.options);
        self
    }
}
