//! What cannot work is told as what it is, and leaves nothing behind.

use std::time::Duration;

use conn_share::{
    ConnectOptions, Connection, ConnectionClass, Device, Error, ErrorKind, Path, SshConnection, Target,
    TelnetConnection,
};
use conn_share_tests::badpeer::{BadPeer, Behaviour, RefusedPort};
use conn_share_tests::{Lab, Login};

use crate::ways::{self, HANG};

/// Connecting fails with this kind, within the target's own limit.
async fn check<C: ConnectionClass>(target: Target, wanted: ErrorKind, says: &str) -> Error {
    let connection = C::from_target(&target).expect("a connection");
    let connected = tokio::time::timeout(HANG, connection.connect()).await.expect("connecting hangs");
    let error = connected.expect_err("it cannot work");
    let text = whole(&error);
    assert_eq!(error.kind(), wanted, "{text}");
    assert!(text.contains(says), "{text} does not say {says:?}");
    assert!(!connection.is_connected());
    error
}

/// The error with its causes.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(link) = cause {
        text += &format!(": {link}");
        cause = link.source();
    }
    text
}

#[tokio::test]
async fn wrong_credentials() {
    let lab = Lab::shared();
    let error = check::<SshConnection>(ways::ssh(lab).password("not this word"), ErrorKind::Authentication, "").await;
    assert!(!whole(&error).contains("not this word") && !format!("{error:?}").contains("not this word"));
    let mut stranger = ways::ssh(lab).key(lab.wrong_key());
    stranger.credential.password = None;
    check::<SshConnection>(stranger, ErrorKind::Authentication, "").await;
    check::<TelnetConnection>(ways::telnet(lab).password("not this word"), ErrorKind::Authentication, "").await;
    check::<TelnetConnection>(ways::telnet(lab).enable("not this word"), ErrorKind::Privilege, "").await;
}

#[tokio::test]
async fn unknown_and_changed_host_keys() {
    let lab = Lab::shared();
    let trusting = |file| ways::ssh(lab).host_keys(ways::only(file));
    check::<SshConnection>(trusting(lab.empty_known_hosts()), ErrorKind::HostKey, "").await;
    let file = lab.changed_known_hosts();
    let place = format!("line 1 of {}", file.display());
    check::<SshConnection>(trusting(file), ErrorKind::HostKey, &place).await;
}

#[tokio::test]
async fn a_refused_port() {
    let port = RefusedPort::new().expect("a port");
    check::<SshConnection>(ways::at(port.address()).username("admin"), ErrorKind::Unreachable, "").await;
    check::<TelnetConnection>(ways::at(port.address()), ErrorKind::Unreachable, "").await;
}

#[tokio::test]
async fn a_device_that_closes_during_login() {
    for greeting in [b"".as_slice(), b"SSH-2.0-OpenSSH_9.2\r\n"] {
        for behaviour in [Behaviour::SaysThenCloses(greeting), Behaviour::ClosesOnAnswer(greeting)] {
            let peer = BadPeer::start(behaviour.clone()).await.expect("a peer");
            let target = ways::at(peer.address()).username("admin").password("word");
            let error = check::<SshConnection>(target, ErrorKind::Disconnected, "").await;
            assert!(peer.callers() > 0, "{error}");
        }
    }
    for greeting in [b"".as_slice(), b"\r\nPassword: "] {
        let behaviour =
            if greeting.is_empty() { Behaviour::SaysThenCloses(greeting) } else { Behaviour::ClosesOnAnswer(greeting) };
        let peer = BadPeer::start(behaviour).await.expect("a peer");
        let target = ways::at(peer.address()).password("word");
        check::<TelnetConnection>(target, ErrorKind::Disconnected, "").await;
    }
}

#[tokio::test]
async fn a_device_that_never_answers() {
    let patience = Duration::from_millis(700);
    for behaviour in [Behaviour::Mute, Behaviour::SaysThenMute(b"SSH-2.0-OpenSSH_9.2\r\n")] {
        let peer = BadPeer::start(behaviour).await.expect("a peer");
        let target = ways::at(peer.address()).username("admin").password("word").connect_timeout(patience);
        check::<SshConnection>(target, ErrorKind::Timeout, "").await;
    }
    for behaviour in [Behaviour::Mute, Behaviour::SaysThenMute(b"\r\nPassword: ")] {
        let peer = BadPeer::start(behaviour).await.expect("a peer");
        let target = ways::at(peer.address()).password("word").connect_timeout(patience);
        check::<TelnetConnection>(target, ErrorKind::Timeout, "").await;
    }
}

#[tokio::test]
async fn a_device_that_floods() {
    let peer = BadPeer::start(Behaviour::Floods(b"no prompt to be seen here\r\n")).await.expect("a peer");
    let target = ways::at(peer.address())
        .password("word")
        .connect_timeout(Duration::from_secs(5))
        .argument("max_output", "100000");
    let connection = TelnetConnection::from_target(&target).expect("a connection");
    let error = tokio::time::timeout(HANG, connection.connect()).await.expect("hangs").expect_err("no prompt");
    assert!(matches!(error.kind(), ErrorKind::Overflow | ErrorKind::Timeout), "{error:?}");
}

/// A pool that could not start leaves no session on the server, and the alias free for the next attempt.
#[tokio::test]
async fn the_pool_is_whole_afterwards() {
    let lab = Lab::shared();
    let wrong = Device::builder("r1")
        .os("frr")
        .login(Login::Router.user(), "not this word")
        .path("mgmt", Path::ssh("127.0.0.1").port(lab.ssh().port()))
        .build()
        .expect("a device");
    let options = || ConnectOptions::via("mgmt").pool_size(3).host_keys(ways::only(lab.known_hosts()));
    let error = wrong.connect::<SshConnection>(options()).await.expect_err("a wrong password");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{}", whole(&error));
    assert_eq!(wrong.sessions(), 0);
    let error = wrong.connect::<SshConnection>(options().host_keys(ways::only(lab.changed_known_hosts()))).await;
    assert_eq!(error.expect_err("a changed key").kind(), ErrorKind::HostKey);
    assert_eq!(wrong.sessions(), 0);

    let right = ways::device(lab);
    right.connect::<SshConnection>(options()).await.expect("a pool");
    let workers = right.pool_as::<SshConnection>("mgmt").expect("the pool");
    let refused = right.execute("show no such thing").await.expect("an answer");
    assert!(refused.refused().is_some(), "{refused}");
    let status = workers.status();
    assert_eq!((status.idle + status.tending, status.on_loan), (3, 0), "{status:?}");
    right.disconnect_all().await.expect("disconnecting");
    assert_eq!(right.sessions(), 0);
}
