//! Several workers over one SSH session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conn_share::{Connection, ErrorKind, SshConnection, Target};
use conn_share_tests::{Process, Yard, wait_for_async};

use crate::ssh_login::{to, to_dropbear};

/// Connects so many, side by side, from clones of one target.
async fn connected(target: &Target, count: usize) -> Vec<Arc<SshConnection>> {
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..count {
        let host = Arc::new(SshConnection::new(target).expect("a connection"));
        opening.spawn(async move {
            host.connect().await.expect("connecting");
            host
        });
    }
    opening.join_all().await
}

async fn connections_come_to(yard: &Yard, server: SocketAddr, wanted: usize) {
    let mut seen = 0;
    let there = wait_for_async(Duration::from_secs(20), || {
        seen = yard.connections(server).expect("ss");
        seen == wanted
    });
    assert!(there.await.is_some(), "{seen} connections instead of {wanted}");
}

/// Everybody gets an answer, and each its own.
async fn all_answer(hosts: &[Arc<SshConnection>]) {
    let mut asking = tokio::task::JoinSet::new();
    for (number, host) in hosts.iter().cloned().enumerate() {
        asking.spawn(async move {
            for round in 0..20 {
                let wanted = format!("{number}.{round}");
                assert_eq!(host.execute(&format!("echo {wanted}")).await.expect("an answer"), wanted.as_str());
            }
        });
    }
    asking.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_shells_log_in_once_and_live_by_themselves() {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", "").expect("sshd");
    let target = to(&yard, server).password(yard.password()).share_transport(5);
    // A cut comes after this.
    let target = target.argument("disconnect_timeout", "0.5");
    let mut hosts = connected(&target, 5).await;
    connections_come_to(&yard, server, 1).await;
    assert_eq!(yard.record("sshd").matches("Accepted password").count(), 1);
    all_answer(&hosts).await;

    // One shell's end is its own: by the host's doing, by a cut, and by a goodbye.
    let sixth = SshConnection::new(&target).expect("a connection");
    sixth.connect().await.expect("over another session");
    connections_come_to(&yard, server, 2).await;
    sixth.disconnect().await.expect("disconnecting");
    drop(sixth);
    connections_come_to(&yard, server, 1).await;
    let error = hosts[1].execute("exec kill -KILL $$").await.expect_err("its shell is gone");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    hosts[2].disconnect().await.expect("a goodbye");
    let busy = hosts[3].clone();
    let cut = tokio::spawn(async move { busy.execute("sleep 1000").await });
    assert!(wait_for_async(Duration::from_secs(10), || sleeping("1000") > 0).await.is_some(), "nobody sleeps");
    hosts[3].disconnect().await.expect("a cut");
    cut.await.expect("no panic").expect_err("it was cut");
    all_answer(&hosts[..1]).await;
    all_answer(&hosts[4..]).await;
    assert_eq!((hosts[0].status().reconnected, hosts[4].status().reconnected), (0, 0));
    connections_come_to(&yard, server, 1).await;

    // The one that died comes back, in the same session as the others.
    all_answer(&hosts[1..2]).await;
    assert_eq!(yard.record("sshd").matches("Accepted password").count(), 2);

    // The last one out closes the session, and says so.
    hosts.drain(..4);
    all_answer(&hosts).await;
    drop(hosts);
    connections_come_to(&yard, server, 0).await;
    let farewells = || yard.record("sshd").matches("Received disconnect").count();
    assert!(wait_for_async(Duration::from_secs(10), || farewells() == 2).await.is_some(), "{}", yard.record("sshd"));
}

fn sleeping(seconds: &str) -> usize {
    Process::all(|process| process.command() == ["sleep", seconds]).len()
}

/// Dropbear's window is 24 KiB, and a program that does not read leaves it at that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_that_takes_nothing_stops_nobody_else() {
    let yard = Yard::new().expect("a yard");
    let server = yard.dropbear("dropbear", "").expect("dropbear");
    let target = to_dropbear(&yard, server).password(yard.password()).share_transport(3);
    let target = target.argument("disconnect_timeout", "0.5");
    let hosts = connected(&target, 2).await;
    connections_come_to(&yard, server, 1).await;
    let deaf = hosts[0].clone();
    deaf.send("sleep 1001").await.expect("sent");
    assert!(wait_for_async(Duration::from_secs(10), || sleeping("1001") > 0).await.is_some(), "nobody sleeps");
    let pasting = tokio::spawn(async move { deaf.send(&"x".repeat(500_000)).await });
    for _ in 0..5 {
        all_answer(&hosts[1..]).await;
    }
    hosts[0].disconnect().await.expect("a cut");
    pasting.await.expect("no panic").expect_err("it was cut");
    // Its channel is closed, and another takes its place.
    hosts[0].connect().await.expect("connecting");
    all_answer(&hosts).await;
    connections_come_to(&yard, server, 1).await;
    assert_eq!(hosts[1].status().reconnected, 0);
}

/// With so low a limit the keys are changed dozens of times while output comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_keys_under_way_change_nothing() {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", "RekeyLimit 100K\nLogLevel DEBUG1").expect("sshd");
    let target = to(&yard, server).password(yard.password()).share_transport(2);
    let hosts = connected(&target, 2).await;
    connections_come_to(&yard, server, 1).await;
    let wanted: Vec<String> = (1..=100_000).map(|number| number.to_string()).collect();
    let wanted = wanted.join("\n");
    let mut asking = tokio::task::JoinSet::new();
    for host in &hosts {
        let (host, wanted) = (Arc::clone(host), wanted.clone());
        asking.spawn(async move {
            assert!(host.execute("seq 100000").await.expect("an answer") == wanted.as_str(), "the output changed");
        });
    }
    asking.join_all().await;
    all_answer(&hosts).await;
    let changes = yard.record("sshd").matches("rekey").count();
    assert!(changes > 5, "{changes} changes of keys:\n{}", yard.record("sshd"));
    assert_eq!((hosts[0].status().reconnected, hosts[1].status().reconnected), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_gets_another_session() {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", "MaxSessions 2").expect("sshd");
    let target = to(&yard, server).password(yard.password()).share_transport(10);
    let hosts = connected(&target, 5).await;
    connections_come_to(&yard, server, 3).await;
    all_answer(&hosts).await;
    drop(hosts);
    connections_come_to(&yard, server, 0).await;

    let full = yard.sshd("full", "MaxSessions 0").expect("sshd");
    let none = to(&yard, full).password(yard.password()).share_transport(10);
    let error = SshConnection::new(&none).expect("a connection").connect().await.expect_err("no room at all");
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Busy, Some("opening the shell")), "{error}");
    connections_come_to(&yard, full, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_same_login_is_shared_and_a_jump_host_by_all() {
    let yard = Yard::new().expect("a yard");
    let key = yard.key("user", &["-t", "ed25519"]).expect("a key");
    yard.authorize(&[("", &key)]).expect("authorized");
    let bastion = yard.sshd("bastion", "").expect("sshd");
    let server = yard.sshd("sshd", "").expect("sshd");
    let jump = to(&yard, bastion).password(yard.password());
    let target = to(&yard, server).jump(jump).share_transport(1);
    let by_password = connected(&target.clone().password(yard.password()), 2).await;
    let by_key = connected(&target.clone().key(&key), 2).await;
    connections_come_to(&yard, bastion, 1).await;
    connections_come_to(&yard, server, 4).await;
    all_answer(&by_password).await;
    all_answer(&by_key).await;
    drop(by_password);
    connections_come_to(&yard, server, 2).await;
    all_answer(&by_key).await;

    // Who may not log in does not get in by somebody else's session.
    let shared = target.share_transport(5).key(&key);
    let _in = connected(&shared, 1).await;
    let mut stranger = shared.clone().password("wrong");
    stranger.credential.key = None;
    let error = SshConnection::new(&stranger).expect("a connection").connect().await.expect_err("a wrong password");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    drop((by_key, _in));
    connections_come_to(&yard, bastion, 0).await;
}
