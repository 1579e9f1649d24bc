//! What is known about a device, and what follows from it for a call to connect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::{Credential, Error, ErrorKind, Platform, Result, Secret, Target};

use super::entry::{PROXY, Plan};
use super::limits::Limits;
use super::{ConnectOptions, Path};
use crate::connection::{self, LoginGate};

/// The argument with which a class is told how long its `disconnect` may wait.
const DISCONNECT_TIMEOUT: &str = "disconnect_timeout";

/// A device as described, by its builder or a testbed file.
pub(super) struct Description {
    pub(super) name: String,
    pub(super) os: Option<String>,
    pub(super) platform: Option<String>,
    /// The user's own platform.
    pub(super) custom_platform: Option<Arc<Platform>>,
    /// One that is not to be had is an error for those who need it.
    pub(super) credentials: BTreeMap<String, Result<Credential>>,
    pub(super) paths: BTreeMap<String, Path>,
    pub(super) default_via: Option<String>,
    pub(super) options: ConnectOptions,
    pub(super) disconnect_timeout: Duration,
    pub(super) limits: Arc<Limits>,
}

impl Description {
    /// The path that `options` ask for, with its name.
    pub(super) fn path<'a>(&'a self, options: &'a ConnectOptions) -> Result<(&'a str, &'a Path)> {
        let via = options.via.as_deref().or(self.default_via.as_deref());
        let found = match via {
            Some(via) => self.paths.get_key_value(via),
            None if self.paths.len() == 1 => self.paths.iter().next(),
            None => None,
        };
        if let Some((via, path)) = found {
            return Ok((via, path));
        }
        let known: Vec<&str> = self.paths.keys().map(String::as_str).collect();
        let known =
            if known.is_empty() { "the device has none".into() } else { format!("there are: {}", known.join(", ")) };
        Err(self.config(match via {
            Some(via) => format!("no path {via:?}; {known}"),
            None => format!("say which path to take (`via`); {known}"),
        }))
    }

    /// The default path if that is SSH, else the only one that is.
    #[cfg(feature = "testbed")]
    pub(super) fn ssh_path(&self) -> Result<(&str, &Path)> {
        let is_ssh = |path: &Path| path.protocol == "ssh";
        let default = self.default_via.as_ref().and_then(|via| self.paths.get_key_value(via));
        let mut all = self.paths.iter().filter(|(_, path)| is_ssh(path));
        let found = match default.filter(|(_, path)| is_ssh(path)) {
            Some(found) => Some(found),
            None => all.next().filter(|_| all.next().is_none()),
        };
        let (via, path) = found.ok_or_else(|| self.config("to go through it, one SSH path is needed".into()))?;
        Ok((via, path))
    }

    /// Settles every option: call, path, device, and for what none of them sets the class and its platform decide.
    pub(super) fn plan(&self, call: ConnectOptions) -> Result<Plan> {
        let (via, path) = self.path(&call)?;
        if let Some(problem) = &path.problem {
            return Err(problem.clone().with_device(format!("{} via {via}", self.name)));
        }
        let alias = call.alias.clone().or_else(|| path.options.alias.clone()).unwrap_or_else(|| via.to_owned());
        if alias.is_empty() {
            let error = Error::new(ErrorKind::Config, "an alias is a name, and this one is empty");
            return Err(error.with_device(format!("{} via {via}", self.name)));
        }
        let mut options = ConnectOptions { via: None, alias: None, ..call.clone() }
            .over(&ConnectOptions { via: None, ..path.options.clone() })
            .over(&ConnectOptions { via: None, alias: None, ..self.options.clone() });
        options.via = Some(via.to_owned());
        options.alias = Some(alias.clone());
        self.check_pool(&options)?;
        let name = format!("{} via {via}", self.name);
        let target = self.target(path, &options, name.clone())?;
        Ok(Plan {
            no_jump: path.no_jump.clone(),
            alias,
            name,
            target,
            options,
            disconnect_timeout: self.disconnect_timeout,
            limits: self.limits.clone(),
        })
    }

    fn check_pool(&self, options: &ConnectOptions) -> Result<()> {
        match (options.pool_size, self.limits.max_sessions()) {
            (Some(0), _) => Err(self.config("a pool of 0 workers could serve nobody".into())),
            (Some(size), Some(max)) if size > max => {
                Err(self.config(format!("a pool of {size} workers does not fit into max_sessions, which is {max}")))
            }
            _ => Ok(()),
        }
    }

    fn target(&self, path: &Path, options: &ConnectOptions, name: String) -> Result<Target> {
        let mut target = Target::new(&path.host).name(name);
        target.port = path.port;
        target.platform = self.os.as_deref().map(platform_of);
        target.custom_platform = self.custom_platform.clone();
        target.connect_timeout = options.connect_timeout;
        target.command_timeout = options.command_timeout;
        target.host_keys = options.host_keys.clone().unwrap_or_default();
        target.log = options.log.clone();
        target.arguments = options.arguments.clone();
        self.hurry(&mut target.arguments);
        target.gate = Some(LoginGate::new(self.limits.clone()));
        if !path.proxy.is_empty() {
            target.arguments.insert(PROXY.into(), path.proxy.join(","));
        }
        target.jump = path.jump.clone().map(Box::new);
        #[cfg(feature = "ssh")]
        if let Some(shells) = target.arguments.get("share_transport") {
            let shells = shells.parse().ok().filter(|shells| *shells > 0);
            let shells =
                shells.ok_or_else(|| self.config("argument `share_transport` must be a number of shells".into()))?;
            target = target.share_transport(shells);
        }
        target.enable = self.enable(path)?;
        target.credential = match &options.credential {
            Some(named) => self.credential(path, named)?.ok_or_else(|| self.no_credential(named))?,
            None => self.credential(path, "default")?.unwrap_or_default(),
        };
        Ok(target)
    }

    /// Has the class cut a running call before the device gives up waiting for it. A third of the device's time: half of
    /// it may be gone when a pool asks those workers to disconnect that did not come back.
    fn hurry(&self, arguments: &mut BTreeMap<String, String>) {
        let most = (self.disconnect_timeout / 3).as_secs_f64();
        let own = match arguments.get(DISCONNECT_TIMEOUT) {
            Some(own) => own.parse(),
            None => Ok(connection::DISCONNECT_TIMEOUT.as_secs_f64()),
        };
        // One that is no number is the class's to complain about.
        if own.is_ok_and(|own: f64| own > most) {
            arguments.insert(DISCONNECT_TIMEOUT.into(), most.to_string());
        }
    }

    fn credential(&self, path: &Path, name: &str) -> Result<Option<Credential>> {
        let found = path.credentials.get(name).or_else(|| self.credentials.get(name));
        found.cloned().transpose().map_err(|error| error.with_device(&self.name))
    }

    fn enable(&self, path: &Path) -> Result<Option<Secret>> {
        Ok(self.credential(path, "enable")?.and_then(|enable| enable.password))
    }

    fn no_credential(&self, name: &str) -> Error {
        let known: Vec<&str> = self.credentials.keys().map(String::as_str).collect();
        self.config(format!("no credential {name:?}; there are: {}", known.join(", ")))
    }

    fn config(&self, message: String) -> Error {
        Error::new(ErrorKind::Config, message).with_device(&self.name)
    }
}

/// The platform that understands `os`: a name of ours, or one of those that pyATS uses. What has no platform of its own
/// here is `generic`, which learns the prompt.
fn platform_of(os: &str) -> String {
    match os {
        "ios" | "iosxe" => "cisco_ios".into(),
        "nxos" => "cisco_nxos".into(),
        "iosxr" => "cisco_xr".into(),
        "eos" => "arista_eos".into(),
        "junos" => "juniper_junos".into(),
        "aireos" | "apic" | "asa" | "cheetah" | "dnac" | "ftd" | "fxos" | "gaia" | "hvrp" | "ironware" | "sdwan"
        | "sonic" | "sros" | "viptela" | "vyos" => "generic".into(),
        os => os.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_pyats_are_platforms_of_ours() {
        for (os, platform) in [
            ("ios", "cisco_ios"),
            ("iosxe", "cisco_ios"),
            ("nxos", "cisco_nxos"),
            ("iosxr", "cisco_xr"),
            ("eos", "arista_eos"),
            ("junos", "juniper_junos"),
            ("linux", "linux"),
            ("vyos", "generic"),
        ] {
            assert_eq!(platform_of(os), platform, "{os}");
            assert!(Platform::named(platform).is_some(), "{os}");
        }
        assert_eq!(platform_of("acme_os"), "acme_os", "to be refused when it is used, or read from a file");
    }
}
