//! What the command line says.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use conn_share::{Classes, ConnectOptions, Device, Error, ErrorKind, Secret, SessionLog, Testbed};
use conn_share_examples::{Address, Lab, Options, Outcome, secret, whole_error};
use lexopt::prelude::*;

/// What to do, and where.
pub(crate) struct Arguments {
    testbed: Option<PathBuf>,
    devices: Vec<String>,
    all: bool,
    via: Option<String>,
    pool: Option<usize>,
    timeout: Option<Duration>,
    /// What is sent and received.
    pub(crate) log: Option<SessionLog>,
    /// How many devices are worked on at the same time.
    pub(crate) at_once: usize,
    /// A file with configuration to apply before the commands.
    pub(crate) configure: Option<PathBuf>,
    /// In the order in which they are to run.
    pub(crate) commands: Vec<String>,
    /// A single device without a testbed.
    single: Options,
}

impl Arguments {
    /// What `--help` prints.
    pub(crate) const HELP: &str = "\
Usage: run [OPTIONS] COMMAND...

Runs commands on network devices and prints what they answer, device by device, in the order given. Ends with 0 when
all went well, 1 when a device could not be reached or refused something, 2 when it was not called right.

Which devices; without any of these it starts a simulated router and talks to that:
  --testbed FILE                a pyATS testbed file
  --device NAME                 one of its devices; may be given several times
  --all                         all of its devices
  --ssh USER@HOST[:PORT]        a device without a testbed, by SSH
  --telnet [USER@]HOST[:PORT]   a device without a testbed, by Telnet
  --os NAME                     what runs on that: frr (default), cisco_ios, linux, generic, ...,
                                or a platform's file, NAME.yaml
  --key FILE                    a private key to log in with there
  --known-hosts FILE            host keys for that, beside ~/.ssh/known_hosts

How:
  --via PATH                    the path to take, as the testbed names it
  --configure FILE              apply this configuration first, one command a line; stops at the first refused line
  --pool N                      N sessions on each device, so that N commands run side by side
  --log FILE                    log what is sent and received, without the secrets
  --timeout SECONDS             the limit for one command
  --at-once N                   work on N devices at a time (default 50)

Secrets are no arguments, since others can read those. A testbed names them as %ENV{NAME}; a variable that is not set
is asked for on the terminal. For --ssh and --telnet they come from CONN_SHARE_PASSWORD and CONN_SHARE_ENABLE, or are
asked for.
";

    /// Reads the arguments after the program's name; `None` when help is asked for.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        let mut read = Self {
            testbed: None,
            devices: Vec::new(),
            all: false,
            via: None,
            pool: None,
            timeout: None,
            log: None,
            at_once: 50,
            configure: None,
            commands: Vec::new(),
            single: Options::simulated(),
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("testbed") => read.testbed = Some(parser.value()?.into()),
                Long("device") => read.devices.push(parser.value()?.string()?),
                Long("all") => read.all = true,
                Long("ssh") => read.single.ssh = Some(parser.value()?.parse_with(Address::parse)?),
                Long("telnet") => read.single.telnet = Some(parser.value()?.parse_with(Address::parse)?),
                Long("os") => read.single.os = parser.value()?.string()?,
                Long("key") => read.single.key = Some(parser.value()?.into()),
                Long("known-hosts") => read.single.known_hosts = Some(parser.value()?.into()),
                Long("via") => read.via = Some(parser.value()?.string()?),
                Long("configure") => read.configure = Some(parser.value()?.into()),
                Long("log") => read.log = Some(SessionLog::file(PathBuf::from(parser.value()?)).map_err(whole)?),
                Long("pool") => read.pool = Some(at_least_one(parser.value()?.parse()?)?),
                Long("timeout") => read.timeout = Some(parser.value()?.parse_with(seconds)?),
                Long("at-once") => read.at_once = at_least_one(parser.value()?.parse()?)?,
                Long("help") | Short('h') => return Ok(None),
                Value(command) => read.commands.push(command.string()?),
                other => return Err(other.unexpected()),
            }
        }
        read.check()?;
        Ok(Some(read))
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.commands.is_empty() && self.configure.is_none() {
            return Err("nothing to do: no command is given");
        }
        let single = self.single.ssh.is_some() || self.single.telnet.is_some();
        match &self.testbed {
            Some(_) if single => Err("a testbed names its devices itself, so --ssh and --telnet do not go with it"),
            Some(_) if self.all && !self.devices.is_empty() => Err("either --all devices or those given by --device"),
            None if self.all || !self.devices.is_empty() => Err("--device and --all choose from a --testbed"),
            _ => Ok(()),
        }
    }

    /// How to connect to each device.
    pub(crate) fn options(&self) -> ConnectOptions {
        let mut options = match (&self.via, &self.testbed) {
            (Some(via), _) => ConnectOptions::via(via),
            // A simulated router, and a device given by both its addresses, have two paths: SSH it is.
            (None, None) if self.single.ssh.is_some() || self.single.telnet.is_none() => ConnectOptions::via("mgmt"),
            (None, _) => ConnectOptions::new(),
        };
        if let Some(size) = self.pool {
            options = options.pool_size(size);
        }
        if let Some(log) = &self.log {
            options = options.log(log.clone());
        }
        match self.timeout {
            Some(limit) => options.command_timeout(limit),
            None => options,
        }
    }

    /// The devices, unconnected.
    pub(crate) async fn lab(&self) -> Outcome<Devices> {
        match &self.testbed {
            Some(file) => {
                let testbed = Testbed::load_with_env(file, Classes::new(), variables())?;
                for key in testbed.unknown_keys() {
                    eprintln!("run: {}: nobody knows the key {key}", file.display());
                }
                Ok(Devices::Of(self.chosen(&testbed)?))
            }
            None => Ok(Devices::Single(Lab::open(&self.single).await?)),
        }
    }

    fn chosen(&self, testbed: &Testbed) -> conn_share::Result<Vec<Device>> {
        let all: Vec<Device> = testbed.devices().cloned().collect();
        if self.all || self.devices.is_empty() && all.len() == 1 {
            return Ok(all);
        }
        if self.devices.is_empty() {
            let names: Vec<&str> = all.iter().map(Device::name).collect();
            let text = format!("say which device (--device), or --all; the testbed has {}", names.join(", "));
            return Err(Error::new(ErrorKind::Usage, text));
        }
        self.devices.iter().map(|name| testbed.device(name)).collect()
    }
}

/// The devices to work on.
pub(crate) enum Devices {
    /// Those of a testbed.
    Of(Vec<Device>),
    /// The one at an address, or a simulated router, which lives as long as this.
    Single(Lab),
}

impl Devices {
    /// All of them, in order.
    pub(crate) fn devices(&self) -> &[Device] {
        match self {
            Self::Of(devices) => devices,
            Self::Single(lab) => std::slice::from_ref(lab.device()),
        }
    }
}

/// Variables from the environment; those that are not set from a person at the terminal, once each.
fn variables() -> impl Fn(&str) -> Option<String> {
    let asked: RefCell<HashMap<String, Option<Secret>>> = RefCell::default();
    move |name| {
        let mut asked = asked.borrow_mut();
        // A terminal that cannot be read answers like a person who says nothing: the library tells what is missing.
        let answer = asked.entry(name.to_owned()).or_insert_with(|| secret(name, name).ok().flatten());
        answer.as_ref().map(|secret| secret.expose().to_owned())
    }
}

fn whole(error: Error) -> String {
    whole_error(&error)
}

fn at_least_one(number: usize) -> Result<usize, &'static str> {
    if number == 0 { Err("0 is too few") } else { Ok(number) }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|limit| !limit.is_zero()).ok_or("expected a number of seconds")
}
