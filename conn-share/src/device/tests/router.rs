//! The crate's own classes under a device, against the simulated router.

use std::future::IntoFuture;
use std::time::Duration;

use crate::sim::{EventKind, Router};
use crate::{
    Classes, ConnectOptions, Device, DeviceBuilder, ErrorKind, HostKeys, Path, SshConnection, TelnetConnection, pcall,
};

const COMMANDS: [&str; 5] =
    ["show version", "show running-config", "show ip ospf database", "show ip route", "show ip bgp"];

async fn router() -> Router {
    Router::builder().hostname("r1").user("admin", "pw").enable("secret").start().await.expect("loopback")
}

fn described(router: &Router) -> DeviceBuilder {
    Device::builder("r1")
        .os("frr")
        .login("admin", "pw")
        .enable("secret")
        .path("mgmt", Path::ssh("127.0.0.1").port(router.ssh_addr().port()))
        .path("console", Path::telnet("127.0.0.1").port(router.telnet_addr().port()))
        .options(ConnectOptions::new().host_keys(HostKeys::danger_accept_any()))
}

#[tokio::test]
async fn five_commands_by_five_workers_at_the_same_time() {
    let router = router().await;
    let device = described(&router).build().expect("valid");
    let options = ConnectOptions::via("mgmt").alias("mgmt").pool_size(5).pool_timeout(Duration::from_secs(20));
    device.connect::<SshConnection>(options).await.expect("connects");
    let gates: Vec<_> = COMMANDS.iter().map(|command| router.hold(command)).collect();
    let all_run = async {
        for gate in &gates {
            gate.waiting().await;
        }
        gates.into_iter().for_each(|gate| gate.release());
    };
    let (results, ()) = tokio::join!(pcall(COMMANDS, |command| device.execute(command)).into_future(), all_run);
    assert_eq!(router.max_concurrent_commands(), 5);
    let replies: Vec<_> = results.into_iter().map(|result| result.expect("answers")).collect();
    assert!(replies[0].contains("FRRouting"), "{}", replies[0]);
    assert!(replies[1].contains("hostname r1"), "{}", replies[1]);
    assert!(replies[4].contains("*> "), "{}", replies[4]);
    device.disconnect_all().await.expect("closes");
    assert_eq!(device.sessions(), 0);
}

#[tokio::test]
async fn two_callers_of_one_console_take_turns() {
    let router = router().await;
    let device = described(&router).build().expect("valid");
    device.connect::<TelnetConnection>(ConnectOptions::via("console")).await.expect("connects");
    for reply in pcall(COMMANDS, |command| device.execute(command)).await {
        assert!(!reply.expect("answers").is_empty());
    }
    assert_eq!(router.max_concurrent_commands(), 1);
    device.disconnect_all().await.expect("closes");
}

#[tokio::test]
async fn the_next_caller_finds_the_mode_that_connect_left() {
    let router = router().await;
    let device = described(&router).build().expect("valid");
    device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(1)).await.expect("connects");
    let first = device.execute("show version").await.expect("answers").mode().to_owned();
    let section = device.exclusive(|connection| async move {
        connection.send("configure terminal").await?;
        connection.receive().await
    });
    section.await.expect("a worker").expect("in configuration mode");
    let reply = device.execute("show version").await.expect("answers").ok().expect("not refused");
    assert_eq!(reply.mode(), first);
    let entered = |event: &crate::sim::Event| matches!(&event.kind, EventKind::CommandStarted { command } if command.starts_with("conf"));
    assert_eq!(router.log().iter().filter(|event| entered(event)).count(), 1, "it was in that mode");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_host_key_are_told_as_such() {
    let router = router().await;
    let device = described(&router).login("admin", "wrong").build().expect("valid");
    let error = device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(3)).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
    let strict = HostKeys::known().without_default_files();
    let options = ConnectOptions::via("mgmt").host_keys(strict);
    let error = device.connect::<SshConnection>(options).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::HostKey, "{error:?}");
    assert_eq!(device.sessions(), 0);
}

#[tokio::test]
async fn own_classes_by_protocol_and_no_way_past_a_proxy() {
    let router = router().await;
    let port = router.ssh_addr().port();
    let device = described(&router)
        .classes(Classes::new())
        .path("far", Path::ssh("127.0.0.1").port(port).proxy("jump"))
        .build()
        .expect("valid");
    device.open(ConnectOptions::via("mgmt")).await.expect("SSH");
    device.open(ConnectOptions::via("console")).await.expect("Telnet");
    assert!(device.connection_as::<SshConnection>("mgmt").is_ok());
    assert!(device.connection_as::<TelnetConnection>("console").is_ok());
    for options in [ConnectOptions::via("far"), ConnectOptions::via("far").pool_size(2)] {
        let error = device.open(options).await.expect_err("not past the proxy");
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    }
    device.disconnect_all().await.expect("closes");
}

#[tokio::test]
async fn lines_come_through_devices_pools_sections_and_objects() {
    let router = router().await;
    let device = described(&router).build().expect("valid");
    device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(2)).await.expect("connects");
    let console = device.connect::<TelnetConnection>(ConnectOptions::via("console")).await.expect("connects");
    let whole = device.execute("show ip bgp").await.expect("answers").into_text();
    let mut lines = Vec::new();
    let pooled = device.execute_lines("show ip bgp", |line| lines.push(line.to_owned())).await.expect("answers");
    assert_eq!((lines.join("\n"), pooled.text()), (whole.clone(), ""));
    for connection in [console, device.connection("mgmt").expect("a pool")] {
        let mut count = 0;
        connection.execute_lines("show ip bgp", &mut |_| count += 1).await.expect("answers");
        assert_eq!(count, lines.len());
    }
    let count = device.exclusive(|worker| async move {
        let mut count = 0;
        worker.execute_lines("show ip bgp", &mut |_| count += 1).await.map(|_| count)
    });
    assert_eq!(count.await.expect("a worker").expect("answers"), lines.len());
    let refused = device.execute_lines("show me the way", |_| ()).await.expect("answers");
    assert_eq!(refused.ok().expect_err("refused").kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn a_class_without_lines_of_its_own_gives_them_at_the_end() {
    use super::fake::{Fake, Peer, device};
    let _peer = Peer::at("lines-at-the-end");
    let device = device("lines-at-the-end").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    let whole = device.execute("show version").await.expect("answers");
    let mut lines = Vec::new();
    let reply = device.execute_lines("show version", |line| lines.push(line.to_owned())).await.expect("answers");
    assert_eq!((lines.join("\n"), reply.text()), (whole.into_text(), ""));
}

#[cfg(feature = "testbed")]
#[tokio::test]
async fn a_platform_from_a_file_is_as_good_as_a_built_in_one() {
    use crate::Platform;
    let page = include_str!("../../guide/platforms.md");
    let file = include_str!("../../guide/acme_os.yaml");
    assert!(page.contains(&format!("```yaml\n{file}```")), "the page shows another file");
    let acme = Platform::parse("acme_os.yaml", file).expect("valid");
    let router = router().await;
    let device = described(&router).os("acme_os").custom_platform(acme).build().expect("valid");
    for via in ["mgmt", "console"] {
        device.open(ConnectOptions::via(via)).await.expect("connects");
        let connection = device.connection(via).expect("connected");
        let reply = connection.execute("show ip route").await.expect("answers");
        assert_eq!((reply.mode(), reply.refused()), ("enable", None), "{via}");
        assert!(reply.starts_with("Codes: ") && !reply.contains("r1#"), "{via}: {reply}");
        connection.configure("interface eth0\n description by a file").await.expect("applied");
        assert_eq!(connection.execute("show version").await.expect("answers").mode(), "enable");
    }
    device.disconnect_all().await.expect("closes");
}
