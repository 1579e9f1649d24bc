//! Where a connection goes and how it logs in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::gate::LoginGate;
#[cfg(feature = "ssh")]
use crate::transport::ssh::SharedTransports;
use crate::{HostKeys, Platform, Secret, SessionLog, SshAgent};

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
    /// Further private key files, tried in turn after `key`.
    pub further_keys: Vec<PathBuf>,
    /// The passphrase of the key files that have one.
    pub passphrase: Option<Secret>,
    /// An OpenSSH user certificate for one of the keys. One that lies beside a key file, as `KEY-cert.pub`, is found
    /// without it.
    pub certificate: Option<PathBuf>,
    /// The agent that signs for SSH with further keys.
    pub agent: Option<SshAgent>,
}

/// Everything a [`ConnectionClass`](crate::ConnectionClass) needs to make a connection: address, credentials, platform,
/// limits.
///
/// Values that are not set fall back to the connection class's own defaults.
///
/// ```
/// use std::time::Duration;
///
/// use conn_share::{HostKeys, Target};
///
/// let target = Target::new("192.0.2.1")
///     .name("r1")
///     .username("admin")
///     .password("pw")
///     .enable("secret")
///     .platform("frr")
///     .host_keys(HostKeys::known().file("lab_known_hosts"))
///     .command_timeout(Duration::from_secs(20));
/// assert!(!format!("{target:?}").contains("secret"));
/// ```
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
    /// The SSH server to go through; see [`Target::jump`].
    pub jump: Option<Box<Target>>,
    /// The SSH configuration to consult; empty for the user's and the machine's. See [`Target::ssh_config`].
    pub ssh_config: Option<PathBuf>,
    /// The secret for `enable`.
    pub enable: Option<Secret>,
    /// The platform's name (`frr`, `cisco_ios`, …); `generic` when not set.
    pub platform: Option<String>,
    /// A platform of the caller's own; it goes before [`Target::platform`].
    pub custom_platform: Option<Arc<Platform>>,
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
    /// SSH sessions that the clones of this target share; see [`Target::share_transport`].
    #[cfg(feature = "ssh")]
    pub(crate) shared: Option<SharedTransports>,
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
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let behind_a_console_server = Target::new("192.0.2.1").port(2003).name("r1 on its console");
    /// ```
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

    /// Sets the password. It answers the question where a device asks one (`keyboard-interactive`), too, and is tried
    /// after keys and agents.
    ///
    /// ```
    /// use conn_share::{Secret, Target};
    ///
    /// let password: Secret = std::env::var("ROUTER_PASSWORD").unwrap_or_default().into();
    /// let router = Target::new("192.0.2.1").username("admin").password(password);
    /// ```
    #[must_use]
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.credential.password = Some(password.into());
        self
    }

    /// Sets the private key file for SSH: OpenSSH's format, PEM, PKCS#8 or PuTTY's. See [`Target::passphrase`] for one
    /// that is encrypted.
    ///
    /// A certificate beside it, `PATH-cert.pub`, is offered first. With an [agent](Target::agent), the public half of a
    /// key that the agent has (`PATH.pub`) will do.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("192.0.2.1").username("admin").key("id_ed25519").passphrase("open sesame");
    /// ```
    #[must_use]
    pub fn key(mut self, path: impl Into<PathBuf>) -> Self {
        self.credential.key = Some(path.into());
        self.credential.further_keys.clear();
        self
    }

    /// Sets several private key files, to be tried in turn; see [`Target::key`].
    ///
    /// Each key that a device does not know counts as a failed attempt there; OpenSSH's server gives up after six.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("192.0.2.1").username("admin").keys(["id_ed25519", "id_rsa"]);
    /// ```
    #[must_use]
    pub fn keys<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let mut paths = paths.into_iter().map(Into::into);
        self.credential.key = paths.next();
        self.credential.further_keys = paths.collect();
        self
    }

    /// Sets the passphrase of the key files; those that are not encrypted do without. A key file that is named here and
    /// cannot be deciphered is an error when a connection is opened; one of an SSH configuration is passed over.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("192.0.2.1").username("admin").keys(["id_work", "id_lab"]).passphrase("open sesame");
    /// ```
    #[must_use]
    pub fn passphrase(mut self, passphrase: impl Into<Secret>) -> Self {
        self.credential.passphrase = Some(passphrase.into());
        self
    }

    /// Sets the file of an OpenSSH user certificate, for one of the key files or for a key in the agent.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let host = Target::new("192.0.2.1").username("admin").key("id_ed25519").certificate("signed/id-cert.pub");
    /// ```
    #[must_use]
    pub fn certificate(mut self, path: impl Into<PathBuf>) -> Self {
        self.credential.certificate = Some(path.into());
        self
    }

    /// Has an agent sign for SSH with the keys it keeps; see [`SshAgent`].
    ///
    /// ```
    /// use conn_share::{SshAgent, Target};
    ///
    /// let router = Target::new("192.0.2.1").username("admin").agent(SshAgent::from_env());
    /// ```
    #[must_use]
    pub fn agent(mut self, agent: SshAgent) -> Self {
        self.credential.agent = Some(agent);
        self
    }

    /// Sets which SSH host keys are trusted. Default: those in the user's and the machine's `known_hosts`, or what an
    /// [SSH configuration](Target::ssh_config) says; once this is called, no configuration loosens it.
    ///
    /// ```
    /// use conn_share::{HostKeys, Target};
    ///
    /// let lab = HostKeys::known().file("lab_known_hosts");
    /// let router = Target::new("192.0.2.1").username("admin").password("secret").host_keys(lab);
    /// ```
    #[must_use]
    pub fn host_keys(mut self, trust: HostKeys) -> Self {
        self.host_keys = trust;
        self
    }

    /// Goes through an SSH server that can reach this one, as OpenSSH's `ProxyJump` does. It may itself have one to go
    /// through. For SSH alone; Telnet refuses.
    ///
    /// Each host on the way has its own credentials and its own check of the host key, and sees only that its
    /// neighbours talk: what is said to the device is enciphered from here to there. The deadline for connecting is one
    /// for the whole way; an error names the host it came from. Closing the connection, or dropping it, closes every
    /// hop.
    ///
    /// ```
    /// use conn_share::{SshAgent, Target};
    ///
    /// let bastion = Target::new("bastion.example").username("me").agent(SshAgent::from_env());
    /// let inner = Target::new("10.0.0.1").username("ops").key("id_ops").jump(bastion);
    /// let router = Target::new("192.0.2.1").username("admin").password("secret").jump(inner);
    /// ```
    #[must_use]
    pub fn jump(mut self, host: Target) -> Self {
        self.jump = Some(Box::new(host));
        self
    }

    /// Consults an OpenSSH client configuration, as `ssh -F` does: for what is not set here, what it says about
    /// [`Target::host`] counts.
    ///
    /// Known are `Host`, `Match` (`all`, `host`, `originalhost`, `user`, `localuser`, `tagged`, and `final` and
    /// `canonical` with the second pass they ask for), `Include` with patterns, `HostName`, `Port`, `User`,
    /// `IdentityFile`, `CertificateFile`, `IdentitiesOnly`, `IdentityAgent`, `ProxyJump`, `UserKnownHostsFile`,
    /// `GlobalKnownHostsFile`, `HostKeyAlias`, `StrictHostKeyChecking` (where `no` is taken for `accept-new`),
    /// `KexAlgorithms`, `Ciphers`, `MACs`, `HostKeyAlgorithms`, `PubkeyAcceptedAlgorithms`, and in paths `~`,
    /// `${VARIABLES}` and the tokens `%d`, `%h`, `%k`, `%n`, `%p`, `%r`, `%u` and `%%`.
    ///
    /// Not understood, and an error where this host's settings hang on them: other criteria of `Match` (`exec`,
    /// `localnetwork`, `version`, `command`, `sessiontype`), other tokens, variables that are not set, `~USER`,
    /// `ProxyCommand` and `RevokedHostKeys`. Other keywords are passed over; among them are `CanonicalizeHostname`,
    /// `BindAddress`, `ConnectTimeout`, `PreferredAuthentications`, `PasswordAuthentication` and the like, which the
    /// caller decides here.
    ///
    /// As with `ssh`, the user's usual keys and the agent of the environment are tried where the file says nothing
    /// else, and keys and certificates of the file that cannot be used are passed over. What is set in code goes before
    /// the file, and a file loosens nothing: which host keys are trusted is up to it only where [`Target::host_keys`]
    /// was not called.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("r1").ssh_config("lab/ssh_config").password("secret");
    /// ```
    #[must_use]
    pub fn ssh_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.ssh_config = Some(path.into());
        self
    }

    /// The host that `ssh HOST` would connect to: by what `~/.ssh/config` and `/etc/ssh/ssh_config` say of it, where
    /// they exist.
    ///
    /// See [`Target::ssh_config`] for what is read of them. What is set afterwards goes before the files.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::from_ssh_config("r1").platform("frr");
    /// ```
    pub fn from_ssh_config(host: impl Into<String>) -> Self {
        Self::new(host).ssh_config(PathBuf::new())
    }

    /// Offers the algorithms of old devices, too: key exchange with SHA-1 and in groups of 1024 bits, ciphers in CBC
    /// mode, HMAC-SHA1, and `ssh-rsa` signatures.
    ///
    /// All of them are weak: whoever can listen in may in time read what was said, and with enough effort take the
    /// device's place. They are offered behind the others, so a device that has better does not get them. For this one
    /// target; the same as the argument `ssh_algorithms` = `legacy`. Lists of algorithms in an [SSH
    /// configuration](Target::ssh_config) then do not count.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let old_switch = Target::new("192.0.2.9").username("admin").password("secret").legacy_algorithms();
    /// ```
    #[must_use]
    pub fn legacy_algorithms(self) -> Self {
        self.argument("ssh_algorithms", "legacy")
    }

    /// Lets up to `shells` connections made from clones of this target share one SSH session, each with a shell of its
    /// own. Those over the number, and those that the server has no room for (`MaxSessions`, ten with OpenSSH) or gives
    /// no terminal, get another session; a session that was full is not asked again for a minute. So the workers of a
    /// pool log in once for several of them. Sessions with jump hosts are shared by all.
    ///
    /// Default: every connection has a session of its own. Leave it so where logins are cheap: what is shared dies
    /// together when the peer does, and with devices that take one shell a session nothing is gained. A shell that
    /// ends, or is cut, leaves the others alone; the last one to go closes the session. Connections share only what was
    /// opened with the same address, user, credentials and host keys. A shell whose output nobody takes holds the
    /// others up for five seconds, and is then ended with [`ErrorKind::Overflow`](crate::ErrorKind::Overflow).
    ///
    /// ```
    /// use conn_share::{AsyncPool, Connection, SshConnection, Target};
    ///
    /// let target = Target::new("192.0.2.1").username("admin").key("id_ed25519").share_transport(5);
    /// let pool = AsyncPool::builder(move || {
    ///     let target = target.clone();
    ///     async move {
    ///         let connection = SshConnection::new(&target)?;
    ///         connection.connect().await?;
    ///         Ok::<_, conn_share::Error>(connection)
    ///     }
    /// });
    /// ```
    #[cfg(feature = "ssh")]
    #[must_use]
    pub fn share_transport(mut self, shells: usize) -> Self {
        self.shared = Some(SharedTransports::new(shells));
        self
    }

    /// Sets the secret for `enable`.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("192.0.2.1").platform("cisco_ios").username("admin").password("secret").enable("more secret");
    /// ```
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

    /// Sets a platform of your own, made by hand or read from a file (`Platform::load`).
    ///
    /// ```
    /// use conn_share::{Platform, Proof, Target};
    ///
    /// let acme = Platform::new("acme_os").mode("exec", "", ">").proof(Proof::Keys);
    /// let target = Target::new("192.0.2.1").custom_platform(acme);
    /// ```
    #[must_use]
    pub fn custom_platform(mut self, platform: impl Into<Arc<Platform>>) -> Self {
        self.custom_platform = Some(platform.into());
        self
    }

    /// Sets [`Target::connect_timeout`]: one limit for connecting and logging in, jump hosts included. Default 30 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::Target;
    ///
    /// let far = Target::new("192.0.2.1").connect_timeout(Duration::from_secs(90)).command_timeout(Duration::from_secs(120));
    /// ```
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// Sets [`Target::command_timeout`]. Default 60 s; a single call may have its own.
    #[must_use]
    pub fn command_timeout(mut self, limit: Duration) -> Self {
        self.command_timeout = Some(limit);
        self
    }

    /// Sets [`Target::log`].
    ///
    /// ```
    /// use conn_share::{SessionLog, Target};
    ///
    /// let router = Target::new("192.0.2.1").log(SessionLog::to(std::io::stderr()));
    /// ```
    #[must_use]
    pub fn log(mut self, log: SessionLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets one further argument, as a testbed file may give it; for those of all sessions see
    /// [`SessionOptions`](crate::SessionOptions).
    ///
    /// SSH knows `ssh_config`, `proxy_jump`, `identity_file`, `certificate_file`, `identity_agent`, `identities_only`
    /// (`true`, `false`), `host_key_alias`, `ssh_algorithms` (`default`, `legacy`), and lists of algorithms as OpenSSH
    /// writes them: `kex_algorithms`, `ciphers`, `macs`, `host_key_algorithms`, `pubkey_accepted_algorithms`. Each goes
    /// before what a configuration says.
    ///
    /// ```
    /// use conn_share::Target;
    ///
    /// let router = Target::new("r1").argument("proxy_jump", "me@bastion:2222").argument("ciphers", "^aes256-ctr");
    /// ```
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }
}
