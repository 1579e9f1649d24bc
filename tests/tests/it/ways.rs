//! The ways into the lab, as conn-share is told about them.

use std::net::SocketAddr;
use std::time::Duration;

use conn_share::{ConnectOptions, Credential, Device, HostKeys, Path, Target};
use conn_share_tests::{Lab, Login};

/// How long a call may take before a test calls it a hang: far above what any takes on a busy machine.
pub(crate) const HANG: Duration = Duration::from_secs(120);

/// To whoever listens at `address`.
pub(crate) fn at(address: SocketAddr) -> Target {
    Target::new(address.ip().to_string()).port(address.port()).connect_timeout(Duration::from_secs(30))
}

/// Only keys in this file count, so that the machine's own known hosts do not matter.
pub(crate) fn only(file: std::path::PathBuf) -> HostKeys {
    HostKeys::known().without_default_files().file(file)
}

/// The router's shell through sshd, by password.
pub(crate) fn ssh(lab: &Lab) -> Target {
    at(lab.ssh())
        .name("r1")
        .username(Login::Router.user())
        .password(lab.password())
        .host_keys(only(lab.known_hosts()))
        .platform("frr")
}

/// The router's own Telnet line.
pub(crate) fn telnet(lab: &Lab) -> Target {
    at(lab.telnet()).name("r1").password(lab.line_password()).enable(lab.enable_secret()).platform("frr")
}

/// The commands of the main job.
pub(crate) const FIVE: [&str; 5] =
    ["show version", "show running-config", "show ip ospf database", "show ip route", "show ip bgp"];

/// The router as a device with the paths `mgmt` (SSH) and `console` (Telnet).
pub(crate) fn device(lab: &Lab) -> Device {
    let mgmt = Path::ssh(lab.ssh().ip().to_string()).port(lab.ssh().port());
    let mut line = Credential::default();
    line.password = Some(lab.line_password().into());
    let console = Path::telnet(lab.telnet().ip().to_string()).port(lab.telnet().port()).credential("default", line);
    let described = Device::builder("r1").os("frr").login(Login::Router.user(), lab.password());
    let described = described.enable(lab.enable_secret()).path("mgmt", mgmt).path("console", console);
    described.options(ConnectOptions::new().host_keys(only(lab.known_hosts()))).build().expect("a device")
}
