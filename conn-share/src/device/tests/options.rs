//! How options become a target.

use super::fake::device;
use crate::{ConnectOptions, HostKeys};

#[test]
fn the_nearest_layer_says_which_host_keys_are_trusted() {
    let lab = HostKeys::known().file("/etc/lab/known_hosts");
    let any = HostKeys::danger_accept_any();
    let trusted = |device: &crate::Device, call: ConnectOptions| {
        device.described.description.plan(call).expect("a plan").target.host_keys
    };
    let strict = device("host-keys").build().expect("valid");
    assert_eq!(trusted(&strict, ConnectOptions::via("a")), HostKeys::known());
    let preset = device("host-keys").options(ConnectOptions::new().host_keys(lab.clone())).build().expect("valid");
    assert_eq!(trusted(&preset, ConnectOptions::via("a")), lab);
    assert_eq!(trusted(&preset, ConnectOptions::via("a").host_keys(any.clone())), any);
}
