use std::time::Duration;

use russh::{Disconnect, MethodKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{At, Break, Script, ed25519};
use super::{failure, open_over, read_to, target, tasks_left};
use crate::ErrorKind;
use crate::deadline::Deadline;

#[tokio::test]
async fn a_password_opens_a_shell() {
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    assert_eq!(read_to(&mut shell, "r1# ").await, "r1# ");
    shell.write_all(b"show version\r").await.unwrap();
    assert_eq!(read_to(&mut shell, "\r").await, "show version\r");
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_one_attempt() {
    let script = Script { methods: vec![MethodKind::Password, MethodKind::KeyboardInteractive], ..Script::new() };
    let (kind, phase, text) = failure(open_over(script.serve(), &target().password("wrong horse")).await);
    assert_eq!((kind, phase), (ErrorKind::Authentication, Some("logging in")), "{text}");
    assert!(!text.contains("horse"), "{text}");
    assert_eq!(*script.logins.lock().unwrap(), ["password wrong horse"]);
}

#[tokio::test]
async fn a_refusal_that_leaves_no_other_way_is_a_refusal() {
    let script = Script { methods: vec![], ..Script::new() };
    let (kind, _, text) = failure(open_over(script.serve(), &target()).await);
    assert_eq!(kind, ErrorKind::Authentication, "{text}");
}

#[tokio::test]
async fn an_old_device_needs_the_old_algorithms() {
    let script = Script { old: true, ..Script::new() };
    let (kind, _, text) = failure(open_over(script.serve(), &target()).await);
    assert_eq!(kind, ErrorKind::Protocol);
    assert!(text.contains("diffie-hellman-group1-sha1") && text.contains("ssh_algorithms"), "{text}");
    open_over(script.serve(), &target().argument("ssh_algorithms", "legacy")).await.unwrap();
    let (kind, ..) = failure(open_over(script.serve(), &target().argument("ssh_algorithms", "all")).await);
    assert_eq!(kind, ErrorKind::Config);
}

#[tokio::test]
async fn a_password_answers_the_question_where_only_questions_are_asked() {
    let script = Script { methods: vec![MethodKind::KeyboardInteractive], ..Script::new() };
    let mut shell = open_over(script.serve(), &target()).await.unwrap();
    read_to(&mut shell, "r1# ").await;
}

#[tokio::test]
async fn more_questions_than_answers_are_no_endless_talk() {
    let script = Script {
        methods: vec![MethodKind::KeyboardInteractive],
        questions: &["Password: ", "Token\x1b[1m: "],
        ..Script::new()
    };
    let (kind, _, text) = failure(open_over(script.serve(), &target()).await);
    assert_eq!(kind, ErrorKind::Authentication);
    assert!(text.contains("Token\\u{1b}[1m") && !text.contains('\x1b'), "{text}");
}

#[tokio::test]
async fn a_device_without_login_needs_no_password() {
    let script = Script { methods: vec![MethodKind::None], ..Script::new() };
    let mut target = target();
    target.credential.password = None;
    open_over(script.serve(), &target).await.unwrap();
}

/// A key file that is removed in the end.
struct KeyFile(std::path::PathBuf);

impl KeyFile {
    fn new(name: &str, key: &russh::keys::PrivateKey) -> Self {
        let path = std::env::temp_dir().join(format!("conn-share-{}-{name}", std::process::id()));
        std::fs::write(&path, key.to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap()).unwrap();
        Self(path)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_key_comes_first_and_the_password_after_it() {
    let file = KeyFile::new("key-first", &ed25519(9));
    let with_key = target().key(&file.0);

    let knows_the_key = Script { authorized: Some(ed25519(9).public_key().clone()), ..Script::new() };
    open_over(knows_the_key.serve(), &with_key).await.unwrap();
    assert_eq!(*knows_the_key.logins.lock().unwrap(), ["publickey"]);

    let knows_another = Script { authorized: Some(ed25519(8).public_key().clone()), ..Script::new() };
    open_over(knows_another.serve(), &with_key).await.unwrap();
    assert_eq!(*knows_another.logins.lock().unwrap(), ["publickey", "password correct horse"]);
}

#[tokio::test]
async fn an_encrypted_key_needs_its_passphrase() {
    let key = ed25519(7).encrypt(&mut russh::keys::key::safe_rng(), "open sesame").unwrap();
    let file = KeyFile::new("encrypted", &key);
    let script = Script { authorized: Some(ed25519(7).public_key().clone()), ..Script::new() };
    let mut target = target().key(&file.0);
    target.credential.password = None;

    let (kind, _, text) = failure(open_over(script.serve(), &target).await);
    assert_eq!(kind, ErrorKind::Config, "{text}");
    target.credential.passphrase = Some("sesame".into());
    let (kind, _, text) = failure(open_over(script.serve(), &target).await);
    assert!(kind == ErrorKind::Config && !text.contains("sesame"), "{kind:?} {text}");
    target.credential.passphrase = Some("open sesame".into());
    open_over(script.serve(), &target).await.unwrap();
}

#[tokio::test]
async fn a_key_file_that_is_none_is_a_mistake_of_the_configuration() {
    let (kind, ..) = failure(open_over(Script::new().serve(), &target().key("/nowhere/at/all")).await);
    assert_eq!(kind, ErrorKind::Config);
}

#[tokio::test]
async fn what_the_device_refuses_is_named() {
    for (at, expected, word) in [
        (At::Channel, ErrorKind::Busy, "room"),
        (At::Terminal, ErrorKind::Refused, "terminal"),
        (At::Shell, ErrorKind::Refused, "shell"),
    ] {
        let script = Script { refuses: Some(at), ..Script::new() };
        let (kind, phase, text) = failure(open_over(script.serve(), &target()).await);
        assert_eq!((kind, phase), (expected, Some("opening the shell")), "{at:?}: {text}");
        assert!(text.contains(word), "{at:?}: {text}");
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_disconnected_and_not_refused() {
    for (at, expected) in [
        (At::Login, "logging in"),
        (At::Channel, "opening the shell"),
        (At::Terminal, "opening the shell"),
        (At::Shell, "opening the shell"),
    ] {
        let script = Script { hangs_up: Some(at), ..Script::new() };
        let (kind, phase, text) = failure(open_over(script.serve(), &target()).await);
        assert_eq!((kind, phase), (ErrorKind::Disconnected, Some(expected)), "{at:?}: {text}");
    }
}

#[tokio::test]
async fn a_farewell_is_told_and_its_escapes_are_not() {
    let reasons: [(fn() -> Disconnect, ErrorKind); 3] = [
        (|| Disconnect::TooManyConnections, ErrorKind::Busy),
        (|| Disconnect::ByApplication, ErrorKind::Disconnected),
        (|| Disconnect::NoMoreAuthMethodsAvailable, ErrorKind::Authentication),
    ];
    for (reason, expected) in reasons {
        let script = Script { sends_away: Some((At::Channel, reason)), ..Script::new() };
        let (kind, _, text) = failure(open_over(script.serve(), &target()).await);
        assert_eq!(kind, expected, "{text}");
        assert!(text.contains("go\\u{1b}[31m away") && !text.contains('\x1b'), "{text}");
    }
}

/// Bytes from the server up to a shell, about.
const WHOLE_LOGIN: usize = 2600;

#[tokio::test]
async fn a_stream_that_breaks_anywhere_is_never_a_refused_login() {
    let mut opened = false;
    for bytes in (0..WHOLE_LOGIN).step_by(71) {
        let result = open_over(Script::new().serve_until(bytes, Break::Close), &target()).await;
        opened |= result.is_ok();
        if let Some(error) = result.err() {
            assert_eq!(error.kind(), ErrorKind::Disconnected, "after {bytes} bytes: {error:?}");
            assert!(!opened, "failed after {bytes} bytes, where less was enough");
        }
        assert_eq!(tasks_left().await, 0, "after {bytes} bytes");
    }
    assert!(opened, "the constant is too small to see a whole login");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_a_timeout_in_the_phase_it_fell_silent_in() {
    let mut phases = Vec::new();
    for bytes in (0..WHOLE_LOGIN).step_by(71) {
        let began = tokio::time::Instant::now();
        let result = open_over(Script::new().serve_until(bytes, Break::Freeze), &target()).await;
        let Err(error) = result else { break };
        assert_eq!(error.kind(), ErrorKind::Timeout, "after {bytes} bytes: {error:?}");
        assert_eq!(began.elapsed(), super::LIMIT, "after {bytes} bytes");
        phases.extend(error.phase());
        assert_eq!(tasks_left().await, 0, "after {bytes} bytes");
    }
    phases.dedup();
    assert_eq!(phases, ["exchanging keys", "logging in", "opening the shell"]);
}

#[tokio::test]
async fn what_speaks_no_ssh_is_named_so() {
    let (client, mut server) = tokio::io::duplex(1024);
    let talk = async {
        let greeting = "220 smtp\x1b[2J ready\r\n".repeat(30);
        let _ = server.write_all(greeting.as_bytes()).await;
    };
    let target = target();
    let (result, ()) = tokio::join!(open_over(client, &target), talk);
    let (kind, _, text) = failure(result);
    assert_eq!(kind, ErrorKind::Protocol, "{text}");
}

#[tokio::test]
async fn a_server_that_talks_without_end_does_not_keep_us() {
    let (client, mut server) = tokio::io::duplex(64 * 1024);
    let talking = tokio::spawn(async move {
        server.write_all(b"SSH-2.0-endless\r\n").await.unwrap();
        // Packets to be ignored: length 8, padding 6, message 2.
        let nothing = [0, 0, 0, 8, 6, 2, 0, 0, 0, 0, 0, 0].repeat(1000);
        while server.write_all(&nothing).await.is_ok() {}
    });
    let (kind, phase, text) = failure(open_over(client, &target()).await);
    assert_eq!((kind, phase), (ErrorKind::Overflow, Some("exchanging keys")), "{text}");
    talking.await.unwrap();
}

#[tokio::test]
async fn a_refused_port_is_unreachable_and_a_mute_one_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut target = target().port(port);
    target.host = "127.0.0.1".to_owned();
    let soon = || Deadline::after(Duration::from_millis(200));

    let (result, accepted) = tokio::join!(crate::transport::ssh::open(&target, soon()), listener.accept());
    let error = result.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some("exchanging keys")));
    assert_eq!(error.device(), Some("r1"));
    let mut said = Vec::new();
    accepted.unwrap().0.read_to_end(&mut said).await.unwrap();
    assert!(said.starts_with(b"SSH-2.0-"), "the socket was not closed");

    drop(listener);
    let error = crate::transport::ssh::open(&target, soon()).await.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Unreachable, Some("connecting")));
}
