//! Files as people write them, and as they should not.

use super::*;
use crate::ConnectOptions;
use crate::device::tests::fake::{Fake, Peer};

fn read(text: &str) -> Result<Testbed> {
    let classes = Classes::new().with::<Fake>("telnet").with::<Fake>("ssh").with::<Fake>("my.module.Fake");
    Testbed::read("lab.yaml", text, &classes, &|name| (name == "LAB_PASSWORD").then(|| "from the environment".into()))
}

const LAB: &str = r#"
testbed:
  name: lab
  credentials: &logins
    default:
      username: admin
      password: "%ENV{LAB_PASSWORD}"
    enable: {password: lab-enable}
    ops: {username: ops, password: "%ASK{ops password}"}

devices:
  R1:
    alias: uut
    type: router
    os: iosxe
    platform: cat9k
    credentials:
      enable:
        password: r1-enable
    connections:
      defaults:
        class: unicon.Unicon
        via: mgmt
        alias: main
      console:
        protocol: telnet
        ip: testbed-host
        port: 2003
        proxy:
          - device: jump1
          - device: jump2
      mgmt:
        protocol: ssh
        host: testbed-host
        port: "2022"
        credentials:
          default: {username: other, password: secret}
        arguments:
          connection_timeout: 120
          learn_hostname: True
          init_exec_commands: []
          known_hosts: /etc/lab/known_hosts
          pool_size: 2
      rest:
        class: my.module.Fake
        ip: testbed-host
        verify: false
      broken:
        protocol: ssh
        ip: "%ENV{NO_SUCH_VARIABLE}"
      nowhere:
        protocol: ssh
        command: docker exec -it r1 vtysh
    custom:
      conn_share: {max_sessions: 3, logins_at_once: 1, logins_per_minute: 30}
  R2:
    os: nxos
    tacacs: {username: old}
    passwords: {tacacs: old-password, enable: old-enable}
    connections:
      cli: {protocol: ssh, ip: testbed-host}
      other: {protocol: ssh, ip: testbed-host}

topology:
  R1:
    interfaces:
      GigabitEthernet1: {type: ethernet, link: link-1}
"#;

fn target(testbed: &Testbed, device: &str, via: &str) -> Result<crate::Target> {
    Ok(testbed.device(device)?.described.description.plan(ConnectOptions::via(via))?.target)
}

fn password(target: &crate::Target) -> Option<&str> {
    target.credential.password.as_ref().map(crate::Secret::expose)
}

#[test]
fn what_concerns_connections_is_read() {
    let testbed = read(LAB).expect("a testbed file");
    assert!(testbed.unknown_keys().is_empty(), "{:?}", testbed.unknown_keys());
    assert_eq!(testbed.name(), Some("lab"));
    assert_eq!(testbed.devices().map(Device::name).collect::<Vec<_>>(), ["R1", "R2"]);
    let device = testbed.device("uut").expect("by alias");
    assert_eq!((device.name(), device.os(), device.platform()), ("R1", Some("iosxe"), Some("cat9k")));
    assert_eq!(device.paths().collect::<Vec<_>>(), ["broken", "console", "mgmt", "nowhere", "rest"]);

    let console = target(&testbed, "R1", "console").expect("complete");
    assert_eq!((console.host.as_str(), console.port), ("testbed-host", Some(2003)));
    assert_eq!((console.credential.username.as_str(), password(&console)), ("admin", Some("from the environment")));
    assert_eq!(console.enable.as_ref().map(crate::Secret::expose), Some("r1-enable"));
    assert_eq!(console.platform.as_deref(), Some("cisco_ios"));
    assert_eq!(console.arguments.get("proxy").map(String::as_str), Some("jump1,jump2"));

    let mgmt = target(&testbed, "R1", "mgmt").expect("complete");
    assert_eq!((mgmt.port, mgmt.credential.username.as_str(), password(&mgmt)), (Some(2022), "other", Some("secret")));
    assert_eq!(mgmt.connect_timeout, Some(std::time::Duration::from_secs(120)));
    assert_eq!(mgmt.host_keys, crate::HostKeys::known().file("/etc/lab/known_hosts"));
    assert_eq!(mgmt.arguments.get("learn_hostname").map(String::as_str), Some("True"));
    assert_eq!(mgmt.arguments.len(), 1);

    let rest = target(&testbed, "R1", "rest").expect("complete");
    assert_eq!(rest.arguments.get("verify").map(String::as_str), Some("false"));

    let old = target(&testbed, "R2", "cli").expect("complete");
    assert_eq!((old.credential.username.as_str(), password(&old)), ("old", Some("old-password")));
    assert_eq!(old.enable.as_ref().map(crate::Secret::expose), Some("old-enable"));
}

#[test]
fn what_is_not_to_be_had_is_an_error_for_those_who_need_it() {
    let testbed = read(LAB).expect("a testbed file");
    let error = target(&testbed, "R1", "broken").expect_err("no such variable");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "R1 via broken: lab.yaml:50: devices.R1.connections.broken.ip: \
         the environment variable NO_SUCH_VARIABLE is not set"
    );
    let error = target(&testbed, "R1", "nowhere").expect_err("no host");
    assert!(error.to_string().ends_with("devices.R1.connections.nowhere: expected `ip` or `host`"), "{error}");
    let device = testbed.device("R1").expect("is there");
    let ops = ConnectOptions::via("console").credential("ops");
    let error = device.described.description.plan(ops).err().expect("asks a person");
    assert!(error.to_string().contains("lab.yaml:9: testbed.credentials.ops.password: %ASK{}"), "{error}");
}

#[tokio::test]
async fn a_device_connects_as_the_file_says() {
    let peer = Peer::at("testbed-host");
    let testbed = read(LAB).expect("a testbed file");
    let device = testbed.device("R1").expect("is there");
    device.open(ConnectOptions::via("rest")).await.expect("by class");
    device.open(ConnectOptions::via("console")).await.expect("by protocol");
    testbed.device("R2").expect("is there").open(ConnectOptions::new()).await.expect("by cli");
    assert_eq!(peer.sessions(), 3);
    assert_eq!(testbed.device("uut").expect("is there").sessions(), 2, "the same device each time");
    assert!(device.connection("console").expect("open").is_connected());
}

#[test]
fn unknown_keys_are_reported_and_not_refused() {
    let text = "
devices:
  R1:
    conections: {}
    connections:
      defaults: {clas: x}
      cli: {ip: a, further: b}
    custom: {conn_share: {max_session: 3}, mine: 1}
tesbed: {}
";
    let testbed = read(text).expect("loads");
    let keys: Vec<String> = testbed.unknown_keys().iter().map(UnknownKey::to_string).collect();
    assert_eq!(
        keys,
        [
            "tesbed (line 9)",
            "devices.R1.conections (line 4)",
            "devices.R1.connections.defaults.clas (line 6)",
            "devices.R1.custom.conn_share.max_session (line 8)",
        ]
    );
    assert_eq!(target(&testbed, "R1", "cli").expect("complete").arguments.len(), 1);
}

#[test]
fn mistakes_name_file_line_place_and_what_was_expected() {
    for (text, expected) in [
        ("", "lab.yaml:1: expected a mapping with the key `devices`"),
        ("[]", "lab.yaml:1: expected a mapping, found a list"),
        ("devices:\n  - R1", "lab.yaml:2: devices: expected a mapping, found a list"),
        ("devices:\n  R1: x", "lab.yaml:2: devices.R1: expected a mapping, found a plain value"),
        ("devices:\n  R1:\n    os: [x]", "lab.yaml:3: devices.R1.os: expected a plain value, found a list"),
        (
            "devices:\n  R1:\n    connections:\n      cli:\n        port: seventy",
            "lab.yaml:5: devices.R1.connections.cli.port: expected a port number from 1 to 65535",
        ),
        (
            "devices:\n  R1:\n    connections:\n      cli: {ip: x, port: 0}",
            "lab.yaml:4: devices.R1.connections.cli.port: expected a port number from 1 to 65535",
        ),
        (
            "devices:\n  R1:\n    connections:\n      defaults: {via: b}\n      a: {ip: x}",
            "lab.yaml:4: devices.R1.connections.defaults.via: expected one of the device's connections: a",
        ),
        (
            "devices:\n  R1:\n    credentials: {default: {password: [hunter2]}}",
            "lab.yaml:3: devices.R1.credentials.default.password: expected a plain value, found a list",
        ),
        (
            "devices:\n  R1:\n    custom: {conn_share: {max_sessions: 0}}",
            "lab.yaml:3: devices.R1.custom.conn_share.max_sessions: expected a number from 1 to 100000",
        ),
        ("extends: base.yaml\ndevices: {}", "lab.yaml:1: extends: testbed files that extend others are not supported"),
        ("a: 1\n---\nb: 2", "lab.yaml:2: not valid YAML: a second document"),
        (
            "devices:\n  R1: {os: frr}\n  R2: {}\n  R1: {os: linux}",
            "lab.yaml:4: devices: expected each key once, found \"R1\" again, after line 2",
        ),
        (
            "devices:\n  R1:\n    credentials: {default: {username: a, username: b}}",
            "lab.yaml:3: devices.R1.credentials.default: expected each key once, found \"username\" again, after line 3",
        ),
        ("a: *nobody", "lab.yaml:1: not valid YAML: "),
        ("a: &x [*x]", "lab.yaml:1: not valid YAML: an alias inside of what it stands for"),
        ("a: b: c", "lab.yaml:1: not valid YAML: "),
        ("[a]: b", "lab.yaml:1: not valid YAML: a key that is not a plain value"),
        ("<<: x", "lab.yaml:1: not valid YAML: `<<` takes a mapping"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn anchors_and_merge_keys() {
    let text = "
devices:
  R1: &r1
    os: frr
    credentials: {default: {username: a, password: b}}
    connections: {cli: {ip: x}}
  R2:
    <<: *r1
    os: linux
";
    let testbed = read(text).expect("loads");
    assert_eq!(testbed.device("R2").expect("is there").os(), Some("linux"));
    assert_eq!(target(&testbed, "R2", "cli").expect("complete").credential.username, "a");
}

#[test]
fn a_key_given_twice_matters_only_where_it_is_read() {
    let text = "
devices:
  R1: &r1
    connections: {cli: {ip: x}}
  R2: {<<: *r1, os: frr}
topology: {R1: {}, R1: {}}
";
    assert_eq!(read(text).expect("loads").device("R2").expect("is there").os(), Some("frr"));
}

#[test]
fn hostile_files_end_soon() {
    let many: String = (0..100_000).map(|n| format!("k{n}: 1\n")).collect();
    let error = read(&many).expect_err("no devices");
    assert!(error.to_string().contains("`devices`"), "{error}");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(10);
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    let error = read(&bomb).expect_err("too much");
    assert!(error.to_string().contains("more than 1000000 values"), "{error}");
    for deep in ["[".repeat(100_000), "- ".repeat(10_000), format!("{}x", "{a: ".repeat(10_000))] {
        let error = read(&deep).expect_err("too deep");
        assert!(error.to_string().contains("lab.yaml:1"), "{error}");
    }
}

#[test]
fn variables_from_elsewhere() {
    let file = std::env::temp_dir().join(format!("conn-share-testbed-{}.yaml", std::process::id()));
    let text = "
devices:
  R1:
    credentials: {default: {username: '%ENV{WHO}', password: '%ENV{LAB_PASSWORD}'}}
    connections: {cli: {protocol: ssh, ip: x, class: my.module.Fake}}
";
    std::fs::write(&file, text).expect("a temporary file");
    let classes = Classes::new().with::<Fake>("my.module.Fake");
    let testbed = Testbed::load_with_env(&file, classes, |name| (name == "WHO").then(|| "a vault's user".into()));
    std::fs::remove_file(&file).expect("it was there");
    let error = target(&testbed.expect("loads"), "R1", "cli").expect_err("the password is missing");
    assert!(error.to_string().contains("LAB_PASSWORD is not set"), "{error}");
}

#[test]
fn platforms_of_ones_own_come_from_files_beside_the_testbeds() {
    let folder = std::env::temp_dir().join(format!("conn-share-platforms-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("acme.yaml"), "{name: acme_os, modes: {exec: {ends_with: '>'}}}").expect("a file");
    std::fs::write(folder.join("broken.yaml"), "name: x\nmods: {}").expect("a file");
    let load = |platforms: &str| {
        let file = folder.join("lab.yaml");
        let text = format!(
            "
testbed:
  custom: {{conn_share: {{platforms: {platforms}}}}}
devices:
  R1: {{os: acme_os, connections: {{cli: {{protocol: ssh, ip: x, class: my.module.Fake}}}}}}
  R2: {{os: frr, connections: {{cli: {{protocol: ssh, ip: x, class: my.module.Fake}}}}}}
"
        );
        std::fs::write(&file, text).expect("a file");
        Testbed::load_with(&file, Classes::new().with::<Fake>("my.module.Fake"))
    };
    let good = load("[acme.yaml]");
    let wrong = load("broken.yaml").expect_err("not valid");
    let gone = load("gone.yaml").expect_err("not there");
    std::fs::remove_dir_all(&folder).expect("it is there");
    let good = good.expect("valid");
    let platform = |device| target(&good, device, "cli").expect("complete").custom_platform;
    assert_eq!(platform("R1").expect("its own").name(), "acme_os");
    assert!(platform("R2").is_none());
    let told = |error: Error| (error.to_string(), std::error::Error::source(&error).expect("a cause").to_string());
    let (here, there) = told(wrong);
    assert!(here.ends_with("lab.yaml:3: testbed.custom.conn_share.platforms: this file is not as expected"), "{here}");
    assert!(there.contains("broken.yaml:2: mods: expected one of the keys name, modes, "), "{there}");
    assert!(told(gone).1.ends_with("gone.yaml cannot be read"));
}

#[test]
fn a_file_that_is_not_there() {
    let error = Testbed::load("/no/such/testbed.yaml").expect_err("not there");
    assert_eq!(error.to_string(), "the testbed file /no/such/testbed.yaml cannot be read");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn nothing_printed_has_a_secret_in_it() {
    let testbed = read(LAB).expect("a testbed file");
    let device = testbed.device("R1").expect("is there");
    for secret in ["from the environment", "r1-enable", "lab-enable", "secret"] {
        assert!(!format!("{testbed:?} {device:?}").contains(secret));
    }
}

#[test]
fn proxies_are_devices_of_the_file_and_ways_for_ssh() {
    let text = "
testbed:
  credentials:
    default: {username: me, password: common}
devices:
  outer:
    connections:
      mgmt: {protocol: ssh, ip: 192.0.2.1, port: 2201, arguments: {known_hosts: /known/outer}}
      console: {protocol: telnet, ip: 192.0.2.9}
  inner:
    alias: bastion
    credentials:
      default: {username: ops, password: own, passphrase: open sesame}
    connections:
      cli: {protocol: ssh, ip: 192.0.2.2, proxy: outer, arguments: {identity_file: /keys/inner}}
  lost:
    connections:
      cli: {protocol: ssh, ip: 192.0.2.4, proxy: nobody}
  ring:
    connections:
      cli: {protocol: ssh, ip: 192.0.2.5, proxy: ring}
  R1:
    connections:
      defaults: {via: cli}
      cli: {protocol: ssh, ip: 192.0.2.3, proxy: [outer, inner]}
      short: {protocol: ssh, ip: 192.0.2.3, proxy: bastion, arguments: {share_transport: 3}}
      console: {protocol: telnet, ip: 192.0.2.3, proxy: outer}
";
    let testbed = Testbed::parse("lab.yaml", text, Classes::new()).expect("valid");
    for via in ["cli", "short"] {
        let r1 = target(&testbed, "R1", via).expect("complete");
        let inner = r1.jump.expect("a jump host");
        assert_eq!((inner.host.as_str(), inner.credential.username.as_str()), ("192.0.2.2", "ops"));
        assert_eq!(inner.credential.passphrase.as_ref().map(crate::Secret::expose), Some("open sesame"));
        assert_eq!(inner.arguments.get("identity_file").map(String::as_str), Some("/keys/inner"));
        let outer = inner.jump.expect("another");
        assert_eq!(
            (outer.host.as_str(), outer.port, outer.credential.username.as_str()),
            ("192.0.2.1", Some(2201), "me")
        );
        assert_eq!(outer.host_keys, crate::HostKeys::known().file("/known/outer"));
        assert!(outer.jump.is_none());
    }
    let plan = |device: &str, via: &str| {
        let device = testbed.device(device).expect("known");
        device.described.description.plan(crate::ConnectOptions::via(via)).expect("a plan")
    };
    #[cfg(feature = "ssh")]
    for (device, why) in [("lost", "nobody"), ("ring", "ring")] {
        let error = plan(device, "cli").session::<crate::SshConnection>().expect_err("no way");
        assert_eq!(error.kind(), crate::ErrorKind::Config);
        assert!(error.to_string().contains(why), "{error}");
    }
    #[cfg(feature = "telnet")]
    assert!(plan("R1", "console").session::<crate::TelnetConnection>().is_err());
    #[cfg(feature = "ssh")]
    assert!(plan("R1", "short").session::<crate::SshConnection>().is_ok());
    let wrong = text.replace("share_transport: 3", "share_transport: many");
    let testbed = Testbed::parse("lab.yaml", &wrong, Classes::new()).expect("valid");
    #[cfg(feature = "ssh")]
    assert!(target(&testbed, "R1", "short").is_err());
    let _ = testbed;
}
