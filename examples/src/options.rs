//! Where the device is, as the command line says.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

/// The options of an example that talks to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The device's SSH server.
    pub ssh: Option<Address>,
    /// The device's Telnet server or console line.
    pub telnet: Option<Address>,
    /// A known_hosts file beside the default one.
    pub known_hosts: Option<PathBuf>,
    /// A private key file for SSH.
    pub key: Option<PathBuf>,
    /// What runs on the device.
    pub os: String,
    /// How many sessions the pool opens.
    pub workers: usize,
    /// Whether outputs are printed whole.
    pub full: bool,
}

/// A server, and who logs in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The user name; `None` where none is given.
    pub user: Option<String>,
    /// The host's name or address.
    pub host: String,
    /// The port; `None` for the protocol's own.
    pub port: Option<u16>,
}

impl Options {
    /// What `--help` prints after the usage line.
    pub const HELP: &str = "\
With neither --ssh nor --telnet it starts a simulated router and talks to that.

  --ssh USER@HOST[:PORT]        the device's SSH server
  --telnet [USER@]HOST[:PORT]   the device's Telnet server, or a console line
  --known-hosts FILE            host keys, beside ~/.ssh/known_hosts
  --key FILE                    a private key to log in with over SSH
  --os NAME                     what runs on the device: frr (default), cisco_ios, linux, generic, ..., or a
                                platform's file, NAME.yaml
  --workers N                   how many sessions the pool opens (default 5)
  --full                        print whole outputs, not their first lines
  --help                        print this

Secrets are no arguments, since others can read those. The password comes from CONN_SHARE_PASSWORD, the secret for
`enable` from CONN_SHARE_ENABLE; what is not set there is asked for on the terminal.
";

    /// A simulated router.
    pub fn simulated() -> Self {
        Self { ssh: None, telnet: None, known_hosts: None, key: None, os: "frr".into(), workers: 5, full: false }
    }

    /// Reads the arguments after the program's name; `None` when help is asked for.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::simulated();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("ssh") => options.ssh = Some(parser.value()?.parse_with(Address::parse)?),
                Long("telnet") => options.telnet = Some(parser.value()?.parse_with(Address::parse)?),
                Long("known-hosts") => options.known_hosts = Some(parser.value()?.into()),
                Long("key") => options.key = Some(parser.value()?.into()),
                Long("os") => options.os = parser.value()?.string()?,
                Long("workers") => options.workers = parser.value()?.parse::<usize>()?.max(1),
                Long("full") => options.full = true,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }
}

impl Address {
    /// Reads `USER@HOST:PORT`; an IPv6 address with a port stands in brackets.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (user, server) = match text.rsplit_once('@') {
            Some((user, server)) => (Some(user.to_owned()), server),
            None => (None, text),
        };
        // An IPv6 address has colons of its own: it needs brackets to be followed by a port.
        let (host, port) = match server.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or("a colon is missing after `]`")?)),
            Some(None) => return Err("`]` is missing"),
            None if server.matches(':').count() > 1 => (server, None),
            None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || user.as_deref() == Some("") {
            return Err("expected user@host:port");
        }
        let port = port.map(str::parse).transpose().map_err(|_| "the port is no number up to 65535")?;
        Ok(Self { user, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, user: Option<&str>, host: &str, port: Option<u16>| {
            let expected = Address { user: user.map(Into::into), host: host.into(), port };
            assert_eq!(Address::parse(text), Ok(expected), "{text}");
        };
        check("admin@r1:2222", Some("admin"), "r1", Some(2222));
        check("admin@192.0.2.1", Some("admin"), "192.0.2.1", None);
        check("console:2003", None, "console", Some(2003));
        check("a@b@[2001:db8::1]:22", Some("a@b"), "2001:db8::1", Some(22));
        check("2001:db8::1", None, "2001:db8::1", None);
        for wrong in ["", "@host", "admin@", "host:port", "host:70000", "[::1", "[::1]22", "admin@:22"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_option_takes_a_secret() {
        let parse = |arguments: &[&str]| Options::parse(arguments.iter().map(OsString::from));
        assert!(parse(&["--password", "x"]).is_err());
        assert!(parse(&["--ssh", "admin@r1", "stray"]).is_err());
        assert_eq!(parse(&["--full", "--help"]).expect("valid"), None);
        let options = parse(&["--ssh=admin@r1", "--workers", "3", "--full"]).expect("valid").expect("options");
        assert_eq!((options.workers, options.full, options.telnet), (3, true, None));
    }
}
