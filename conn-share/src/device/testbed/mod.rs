//! Testbed files: devices as pyATS describes them.

mod markup;
mod schema;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path as FilePath;

use zeroize::Zeroizing;

use crate::{Classes, Device, Error, ErrorKind, Result, yaml};

use markup::Environment;

pub use crate::yaml::UnknownKey;

/// The devices of a pyATS testbed file, as far as connections are concerned.
///
/// Files written for pyATS load unchanged. What is read of a device: `os`, `platform`, `alias`, `credentials` (also those
/// of the `testbed` block, and the older `tacacs` and `passwords`), `connections` with `defaults`, `protocol`, `ip` or
/// `host`, `port`, `class`, `proxy`, `credentials`, `arguments`. Keys that pyATS knows for other purposes are passed over;
/// keys that nobody knows are reported once, as a `tracing` warning and by [`Testbed::unknown_keys`], and further keys of a
/// connection are arguments for its class. A key that is given twice, where it is read, is an error.
///
/// Values may contain `%ENV{NAME}`. `%ASK{}`, `%ENC{}` and variables that are not set are errors for those who need the
/// value: the file loads, and so do devices that do without.
///
/// A `proxy` names devices of the same file; [`SshConnection`](crate::SshConnection) goes through them by SSH, in the
/// order given, each with its own credentials and host keys. For SSH, the arguments `identity_file`,
/// `certificate_file`, `identity_agent` (a socket, or `SSH_AUTH_SOCK`), `identities_only`, `ssh_config`, `proxy_jump`,
/// `host_key_alias`, `ssh_algorithms` (`legacy`), `kex_algorithms`, `ciphers`, `macs`, `host_key_algorithms`,
/// `pubkey_accepted_algorithms` and `share_transport` (a number of shells) mean what OpenSSH's keywords and
/// [`Target`](crate::Target)'s methods of these names do; a `passphrase` beside a password is for the key file.
///
/// SSH host keys are checked whatever `ssh_options` say: the argument `known_hosts` names a further file of known keys.
///
/// Platforms of your own come from files that the `testbed` block names under `custom: {conn_share: {platforms:
/// [acme_os.yaml]}}`, found beside the testbed's file; devices whose `os` is the name of one are understood by it. See
/// [`Platform::load`](crate::Platform::load).
///
/// Limits and defaults of this crate go where pyATS has room for others' settings:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> conn_share::Result<()> {
/// use conn_share::{Classes, Testbed};
///
/// let testbed = Testbed::parse(
///     "lab.yaml",
///     "
/// devices:
///   R1:
///     os: iosxe
///     credentials:
///       default: {username: admin, password: cisco}
///     connections:
///       defaults: {via: mgmt}
///       mgmt:
///         protocol: ssh
///         ip: 192.0.2.1
///         arguments: {connection_timeout: 20, pool_size: 3, pool_timeout: 30}
///     custom:
///       conn_share: {max_sessions: 4, logins_at_once: 2, logins_per_minute: 30}
/// ",
///     Classes::new(),
/// )?;
/// let device = testbed.device("R1")?;
/// assert_eq!(device.paths().collect::<Vec<_>>(), ["mgmt"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Testbed {
    name: Option<String>,
    devices: BTreeMap<String, Device>,
    aliases: BTreeMap<String, String>,
    unknown_keys: Vec<UnknownKey>,
}

impl Testbed {
    /// Reads a testbed file, with the crate's own connection classes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the file cannot be read, is not YAML, or is not of the form that is expected: with
    /// the file, the line and what was expected.
    ///
    /// # Blocking
    ///
    /// Reads one local file.
    pub fn load(file: impl AsRef<FilePath>) -> Result<Self> {
        Self::load_with(file, Classes::new())
    }

    /// Reads a testbed file; `classes` are the connection classes that its `class:` may name.
    ///
    /// # Errors
    ///
    /// As [`Testbed::load`].
    ///
    /// # Blocking
    ///
    /// Reads one local file.
    pub fn load_with(file: impl AsRef<FilePath>, classes: Classes) -> Result<Self> {
        Self::load_from(file.as_ref(), &classes, &of_the_process)
    }

    /// Reads a testbed file as [`Testbed::load_with`]; the values for `%ENV{NAME}` come from `variable`, not from the
    /// environment: from a vault, or from a person at the terminal. It is asked once for each place that names the variable.
    ///
    /// ```no_run
    /// use conn_share::{Classes, Testbed};
    ///
    /// # fn from_the_vault(name: &str) -> Option<String> { None }
    /// # fn example() -> conn_share::Result<()> {
    /// let testbed = Testbed::load_with_env("lab.yaml", Classes::new(), |name| from_the_vault(name))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Testbed::load`].
    ///
    /// # Blocking
    ///
    /// Reads one local file, and does what `variable` does.
    pub fn load_with_env(
        file: impl AsRef<FilePath>,
        classes: Classes,
        variable: impl Fn(&str) -> Option<String> + 'static,
    ) -> Result<Self> {
        Self::load_from(file.as_ref(), &classes, &variable)
    }

    fn load_from(file: &FilePath, classes: &Classes, environment: &Environment) -> Result<Self> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
            Error::new(ErrorKind::Config, format!("the testbed file {} cannot be read", name.escape_debug()))
                .with_source(error)
        })?;
        Self::read(&name, &text, classes, environment)
    }

    /// Reads a testbed from `text`; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Testbed::load`].
    pub fn parse(file: &str, text: &str, classes: Classes) -> Result<Self> {
        Self::read(file, text, &classes, &of_the_process)
    }

    fn read(file: &str, text: &str, classes: &Classes, environment: &Environment) -> Result<Self> {
        let resolve = |text: &str| markup::resolve(text, environment);
        let (mut testbed, unknown) = yaml::read(file, text, &resolve, |root| schema::testbed(root, classes))?;
        testbed.unknown_keys = unknown;
        if !testbed.unknown_keys.is_empty() {
            let keys: Vec<String> = testbed.unknown_keys.iter().map(UnknownKey::to_string).collect();
            tracing::warn!(file, keys = keys.join(", "), "the testbed file has keys that nobody knows");
        }
        Ok(testbed)
    }

    /// The testbed's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The device of this name or alias. It is the same device, with the same connections, each time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when there is none; the text names those that there are.
    pub fn device(&self, name: &str) -> Result<Device> {
        let alias = self.aliases.get(name).map(String::as_str);
        self.devices.get(name).or_else(|| self.devices.get(alias?)).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.devices.keys().map(String::as_str).collect();
            Error::new(ErrorKind::Config, format!("no device {name:?} in the testbed; there are: {}", known.join(", ")))
        })
    }

    /// All devices, by name.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// Keys of the file that are not part of the schema: misspelt ones, often.
    pub fn unknown_keys(&self) -> &[UnknownKey] {
        &self.unknown_keys
    }
}

fn of_the_process(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

impl fmt::Debug for Testbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Testbed")
            .field("name", &self.name)
            .field("devices", &self.devices.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
