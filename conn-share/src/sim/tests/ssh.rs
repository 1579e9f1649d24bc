//! The SSH shell.

use std::sync::Arc;

use russh::client::{self, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};

use super::*;
use crate::sim::ssh::host_key;

pub(super) struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

pub(super) type SshTerminal = Terminal<russh::ChannelStream<client::Msg>>;

pub(super) async fn connect(router: &Router) -> Handle<Trusting> {
    client::connect(Arc::default(), router.ssh_addr(), Trusting).await.expect("the router speaks SSH")
}

/// A shell over SSH, and the connection that it needs to stay alive.
pub(super) async fn shell(router: &Router) -> (Handle<Trusting>, SshTerminal) {
    let mut handle = connect(router).await;
    assert!(handle.authenticate_password("admin", "pw").await.expect("an answer").success());
    let channel = handle.channel_open_session().await.expect("a channel");
    channel.request_pty(true, "vt100", 80, 24, 0, 0, &[]).await.expect("a terminal");
    channel.request_shell(true).await.expect("a shell");
    let mut terminal = Terminal::new(channel.into_stream());
    terminal.until("\nr1# ").await;
    (handle, terminal)
}

#[tokio::test]
async fn a_shell_is_enabled_at_once_and_has_no_pager() {
    let router = router().start().await.expect("starts");
    let (_handle, mut terminal) = shell(&router).await;
    let routes = terminal.ask("show ip bgp", "r1# ").await;
    assert_eq!(routes.lines().filter(|line| line.starts_with("*> ")).count(), 220);
    let kinds: Vec<_> = router.log().into_iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::Connected { protocol: Protocol::Ssh },
            EventKind::LoggedIn { user: "admin".to_owned() },
            EventKind::CommandStarted { command: "show ip bgp".to_owned() },
            EventKind::CommandEnded,
        ]
    );
}

#[tokio::test]
async fn passwords_and_keys_are_checked() {
    let (known, unknown) = (host_key(&[1; 32]), host_key(&[2; 32]));
    let public = known.public_key().to_openssh().expect("a line");
    let router = router().user_key("admin", &public).start().await.expect("starts");
    let mut handle = connect(&router).await;
    assert!(!handle.authenticate_password("admin", "nope").await.expect("an answer").success());
    assert!(!handle.authenticate_password("eve", "pw").await.expect("an answer").success());
    for (key, user, accepted) in [(&unknown, "admin", false), (&known, "eve", false), (&known, "admin", true)] {
        let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
        let answer = handle.authenticate_publickey(user, key).await.expect("an answer");
        assert_eq!(answer.success(), accepted, "{user}");
    }
}

#[tokio::test]
async fn a_single_command_needs_no_shell() {
    let router = router().start().await.expect("starts");
    let mut handle = connect(&router).await;
    assert!(handle.authenticate_password("admin", "pw").await.expect("an answer").success());
    let channel = handle.channel_open_session().await.expect("a channel");
    channel.exec(true, "show ip route 192.0.2.1").await.expect("runs");
    let answer = Terminal::new(channel.into_stream()).rest().await;
    assert!(answer.starts_with("Routing entry for 192.0.2.1/32\r\n"), "{answer}");
}

#[tokio::test]
async fn the_host_key_is_the_one_that_was_told() {
    struct Careful(String);
    impl client::Handler for Careful {
        type Error = russh::Error;

        async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
            let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
            Ok(self.0.ends_with(&key.to_openssh()?))
        }
    }

    let router = router().start().await.expect("starts");
    let line = router.host_key_line();
    assert!(line.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", router.ssh_addr().port())), "{line}");
    client::connect(Arc::default(), router.ssh_addr(), Careful(line.clone())).await.expect("the same key");
    router.power_off().await;
    router.power_on().await.expect("the ports are free");
    assert_eq!(router.host_key_line(), line);
    client::connect(Arc::default(), router.ssh_addr(), Careful(line.clone())).await.expect("the same key");
    let other = self::router().start().await.expect("starts");
    assert!(client::connect(Arc::default(), other.ssh_addr(), Careful(line)).await.is_err());
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_output() {
    let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let router = router()
        .command("show flood", move |_| {
            let count = Arc::clone(&count);
            crate::sim::Output::lines(std::iter::repeat_with(move || {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                "x".repeat(1022)
            }))
        })
        .start()
        .await
        .expect("starts");
    let (_handle, mut terminal) = shell(&router).await;
    terminal.send("show flood\r\n").await;
    terminal.until("show flood\r\n").await;
    // Until nothing moves any more: an endless output that is not held back never gets there.
    let mut before = usize::MAX;
    while before != made.load(std::sync::atomic::Ordering::Relaxed) {
        before = made.load(std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let window = client::Config::default().window_size as usize;
    assert!(before > 0, "nothing was made at all");
    assert!(before * 1024 < 4 * window, "{before} KiB were made for a client that has room for {window} bytes");
}
