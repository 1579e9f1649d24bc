//! The ways into the lab, as conn-share is told about them.

use std::net::SocketAddr;
use std::time::Duration;

use conn_share::{HostKeys, Target};
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
