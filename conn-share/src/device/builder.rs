//! How a device is described.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::{Credential, Error, ErrorKind, Platform, Result, Secret};

use super::description::Description;
use super::limits::Limits;
use super::{Classes, ConnectOptions, ConnectionManager, Device, Path};

/// OpenSSH begins to turn away connections at ten that have not logged in (`MaxStartups 10:30:100`), and other
/// people log in, too.
const LOGINS_AT_ONCE: usize = 5;

/// Connections have a deadline of their own for a running call; this one is for those that do not keep to theirs.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Describes a [`Device`]: made by [`Device::builder`], ended by [`DeviceBuilder::build`].
///
/// ```
/// use conn_share::{Credential, Device, Path};
///
/// let mut console = Credential::default();
/// console.username = "operator".to_owned();
///
/// let device = Device::builder("r1")
///     .os("cisco_ios")
///     .login("admin", "pw")
///     .enable("secret")
///     .credential("console", console)
///     .path("mgmt", Path::ssh("192.0.2.1"))
///     .path("con0", Path::telnet("terminal-server.example").port(2003))
///     .default_via("mgmt")
///     .max_sessions(4) // the router has five lines, one of them for people
///     .build()?;
/// assert_eq!(device.paths().collect::<Vec<_>>(), ["con0", "mgmt"]);
///
/// let mistake = Device::builder("r2").max_sessions(0).build().unwrap_err();
/// assert!(mistake.to_string().contains("max_sessions"));
/// # Ok::<(), conn_share::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct DeviceBuilder {
    name: String,
    os: Option<String>,
    platform: Option<String>,
    custom_platform: Option<Arc<Platform>>,
    credentials: BTreeMap<String, Result<Credential>>,
    paths: BTreeMap<String, Path>,
    default_via: Option<String>,
    default_alias: Option<String>,
    options: ConnectOptions,
    classes: Classes,
    max_sessions: Option<usize>,
    logins_at_once: usize,
    logins_per_minute: Option<usize>,
    disconnect_timeout: Duration,
    mistake: Option<Error>,
}

impl DeviceBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            os: None,
            platform: None,
            custom_platform: None,
            credentials: BTreeMap::new(),
            paths: BTreeMap::new(),
            default_via: None,
            default_alias: None,
            options: ConnectOptions::default(),
            classes: Classes::new(),
            max_sessions: None,
            logins_at_once: LOGINS_AT_ONCE,
            logins_per_minute: None,
            disconnect_timeout: DISCONNECT_TIMEOUT,
            mistake: None,
        }
    }

    /// What runs on it, which decides how its prompts and modes are understood: `frr`, `linux`, `cisco_ios`, … The
    /// names pyATS uses (`ios`, `iosxe`, `nxos`, `iosxr`, `eos`, `junos`) are understood, too; see
    /// [`Platform::named`](crate::Platform::named). Default: `generic`, which learns the prompt.
    pub fn os(mut self, os: impl Into<String>) -> Self {
        self.os = Some(os.into());
        self
    }

    /// How its prompts and modes are understood: a platform of your own in place of the one that [`DeviceBuilder::os`]
    /// names.
    ///
    /// ```
    /// use conn_share::{Device, Path, Platform, Proof};
    ///
    /// # fn main() -> conn_share::Result<()> {
    /// let acme = Platform::new("acme_os").mode("exec", "", ">").proof(Proof::Keys);
    /// let device = Device::builder("r1").os("acme_os").custom_platform(acme).path("mgmt", Path::ssh("192.0.2.1")).build()?;
    /// # Ok(()) }
    /// ```
    pub fn custom_platform(mut self, platform: impl Into<Arc<Platform>>) -> Self {
        self.custom_platform = Some(platform.into());
        self
    }

    /// The hardware platform, as pyATS knows it (`cat9k`). Kept for the reader; nothing depends on it.
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// The login used unless another is named: short for the credential `default` with user name and password.
    pub fn login(self, username: impl Into<String>, password: impl Into<Secret>) -> Self {
        let login = Credential { username: username.into(), password: Some(password.into()), ..Credential::default() };
        self.credential("default", login)
    }

    /// The secret for `enable`: short for the credential `enable` with this password.
    pub fn enable(self, secret: impl Into<Secret>) -> Self {
        let enable = Credential { password: Some(secret.into()), ..Credential::default() };
        self.credential("enable", enable)
    }

    /// A login by name: `default` is used unless [`ConnectOptions::credential`] names another; the password of
    /// `enable` is the secret for that.
    pub fn credential(mut self, name: impl Into<String>, credential: Credential) -> Self {
        self.credentials.insert(name.into(), Ok(credential));
        self
    }

    /// A login that may not be to be had: an error for those who need it.
    #[cfg(feature = "testbed")]
    pub(super) fn credential_if(mut self, name: String, credential: Result<Credential>) -> Self {
        self.credentials.insert(name, credential);
        self
    }

    /// A way to it, by the name that [`ConnectOptions::via`] takes.
    pub fn path(mut self, via: impl Into<String>, path: Path) -> Self {
        let via = via.into();
        if path.host.is_empty() {
            self.mistake(format!("path {via:?} has no host"));
        }
        self.paths.insert(via, path);
        self
    }

    /// A path that may have a problem: an error for those who take it.
    #[cfg(feature = "testbed")]
    pub(super) fn path_as_read(mut self, via: &str, path: Path) -> Self {
        self.paths.insert(via.to_owned(), path);
        self
    }

    /// The path to take when a call names none. Default: the only one; with several, the call has to say.
    pub fn default_via(mut self, via: impl Into<String>) -> Self {
        self.default_via = Some(via.into());
        self
    }

    /// The alias that `execute` and the others go to. Default: the first connected that still is.
    pub fn default_alias(mut self, alias: impl Into<String>) -> Self {
        self.default_alias = Some(alias.into());
        self
    }

    /// Options for all its connections; a path's and a call's own go before them. `via` and `alias` have no meaning
    /// here.
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options.over(&self.options);
        self
    }

    /// Connection classes by name, for [`Device::open`]. Default: the crate's own.
    pub fn classes(mut self, classes: Classes) -> Self {
        self.classes = classes;
        self
    }

    /// How many sessions may be open at a time, over all aliases and pools, those being opened and closed included.
    /// Whoever wants one more waits for room up to the time it has for connecting.
    ///
    /// Default: no limit. Set it below the number of the device's VTY lines (often 5 or 16), so that a person can
    /// still get in.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        if sessions == 0 {
            self.mistake("max_sessions is 0: no connection could ever be made");
        }
        self.max_sessions = Some(sessions);
        self
    }

    /// How many logins may be under way at a time. Default: 5, as OpenSSH's server begins to turn away connections
    /// at 10 that have not logged in.
    pub fn logins_at_once(mut self, logins: usize) -> Self {
        if logins == 0 {
            self.mistake("logins_at_once is 0: no connection could ever be made");
        }
        self.logins_at_once = logins;
        self
    }

    /// How many logins may begin within any minute. Default: no limit. Set it where the device or its AAA server
    /// locks out those who log in too often.
    pub fn logins_per_minute(mut self, logins: usize) -> Self {
        if logins == 0 {
            self.mistake("logins_per_minute is 0: no connection could ever be made");
        }
        self.logins_per_minute = Some(logins);
        self
    }

    /// Bounds closing a connection. Default: 15 seconds. The argument `disconnect_timeout` of its connections, after which
    /// they cut a running call, is at most a third of this.
    pub fn disconnect_timeout(mut self, limit: Duration) -> Self {
        self.disconnect_timeout = limit;
        self
    }

    /// The device, nothing connected yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the first mistake made on the way: a path without a host, a limit of 0, a default
    /// path that is not there.
    pub fn build(mut self) -> Result<Device> {
        if let Some(via) = &self.default_via
            && !self.paths.contains_key(via)
        {
            self.mistake(format!("the default path {via:?} is not one of the device's paths"));
        }
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let connections = ConnectionManager::new(self.name.clone(), self.default_alias, self.disconnect_timeout);
        let description = Description {
            name: self.name,
            os: self.os,
            platform: self.platform,
            custom_platform: self.custom_platform,
            credentials: self.credentials,
            paths: self.paths,
            default_via: self.default_via,
            options: self.options,
            disconnect_timeout: self.disconnect_timeout,
            limits: Arc::new(Limits::new(self.max_sessions, self.logins_at_once, self.logins_per_minute)),
        };
        Ok(Device::new(description, self.classes, connections))
    }

    fn mistake(&mut self, what: impl Into<String>) {
        self.mistake.get_or_insert_with(|| Error::new(ErrorKind::Config, what.into()).with_device(&self.name));
    }
}
