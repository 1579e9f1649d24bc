//! A simulated router, and a device that describes it.

use conn_share::sim::{Router, RouterBuilder};
use conn_share::{ConnectOptions, Device, DeviceBuilder, HostKeys, Path};

pub(crate) fn router() -> RouterBuilder {
    Router::builder().hostname("r1").user("admin", "login-password").enable("enable-secret")
}

pub(crate) fn device(router: &Router) -> DeviceBuilder {
    Device::builder("r1")
        .os("frr")
        .login("admin", "login-password")
        .enable("enable-secret")
        .path("mgmt", Path::ssh("127.0.0.1").port(router.ssh_addr().port()))
        .path("console", Path::telnet("127.0.0.1").port(router.telnet_addr().port()))
        .options(ConnectOptions::new().host_keys(HostKeys::danger_accept_any()))
}
