//! Single commands at a real sshd.

use std::time::Duration;

use conn_share::{ErrorKind, ExecCommand, SshExec, Target};
use conn_share_tests::{Process, Yard, wait_for_async};

use crate::ssh_login::to;

fn yard(config: &str) -> (Yard, Target) {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", config).expect("sshd");
    let target = to(&yard, server).password(yard.password());
    (yard, target)
}

fn sleepers(seconds: &str) -> usize {
    Process::all(|process| process.command() == ["sleep", seconds]).len()
}

#[tokio::test]
async fn output_errors_and_status_come_apart() {
    let (yard, target) = yard("");
    let host = SshExec::connect(&target).await.expect("a session");
    let done = host.run("echo out; echo err >&2; exit 7").await.expect("an end");
    assert_eq!((done.status, done.stdout.as_slice(), done.stderr.as_slice()), (Some(7), &b"out\n"[..], &b"err\n"[..]));
    let error = done.ok().expect_err("status 7");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Refused, "the command ended with status 7: err")
    );
    let killed = host.run("kill -TERM $$").await.expect("an end");
    assert_eq!((killed.status, killed.signal.as_deref()), (None, Some("TERM")));

    // More than the window, in and out; and input that nobody reads.
    let much: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let same =
        host.run_with("cat", &ExecCommand::new().stdin(much.clone())).await.expect("an end").ok().expect("success");
    assert!(same.stdout == much, "{} of {} bytes came back", same.stdout.len(), much.len());
    let unread = host.run_with("exit 3", &ExecCommand::new().stdin(much)).await.expect("an end");
    assert_eq!(unread.status, Some(3));
    assert_eq!(host.run("cat").await.expect("the end of its input").status, Some(0));

    // Side by side, and each its own.
    let (one, two, three) = tokio::join!(host.run("sleep 0.3; echo 1"), host.run("echo 2"), host.run("echo 3"));
    let texts = [one, two, three].map(|done| done.expect("an end").stdout_text().into_owned());
    assert_eq!(texts, ["1\n", "2\n", "3\n"]);
    assert_eq!(yard.record("sshd").matches("Accepted password").count(), 1);
    host.disconnect();
    assert!(!host.is_connected());
    assert_eq!(host.run("true").await.expect_err("closed").kind(), ErrorKind::NotConnected);
}

#[tokio::test]
async fn new_keys_under_way_lose_nothing_in_either_direction() {
    let (yard, target) = yard("RekeyLimit 200K\nLogLevel DEBUG1");
    let host = SshExec::connect(&target).await.expect("a session");
    let much: Vec<u8> = (0..500_000_u32).flat_map(u32::to_be_bytes).collect();
    let input = ExecCommand::new().stdin(much.clone());
    let (one, two) = tokio::join!(host.run_with("cat", &input), host.run_with("cat", &input));
    for same in [one, two] {
        assert!(same.expect("an end").ok().expect("success").stdout == much, "something else came back");
    }
    let changes = yard.record("sshd").matches("rekey").count();
    assert!(changes > 5, "{changes} changes of keys");
}

#[tokio::test]
async fn what_is_too_much_or_too_long_is_given_up_alone() {
    let (_yard, target) = yard("");
    let host = SshExec::connect(&target).await.expect("a session");
    let flood = ExecCommand::new().max_output(100_000);
    let brief = ExecCommand::new().timeout(Duration::from_millis(500));
    let (other, too_much, too_long) = tokio::join!(
        host.run("sleep 1; seq 50000 | tail -1"),
        host.run_with("yes", &flood),
        host.run_with("sleep 4712", &brief),
    );
    assert_eq!(other.expect("an end").stdout_text(), "50000\n");
    let error = too_much.expect_err("it floods");
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Overflow, true), "{error}");
    let error = too_long.expect_err("it sleeps");
    assert_eq!((error.kind(), error.was_sent(), error.device()), (ErrorKind::Timeout, true, Some("host")), "{error}");

    // Dropped at every stage: the channel is closed, ten of them are no more than the server's ten, and the next is served.
    for round in 0..30 {
        let dropped = tokio::time::timeout(Duration::from_millis(round), host.run("cat /dev/zero")).await;
        assert!(dropped.is_err(), "{dropped:?}");
    }
    let next = wait_for_next(&host).await;
    assert_eq!(next, "next\n");
}

/// The server needs a moment to take note of closed channels.
async fn wait_for_next(host: &SshExec) -> String {
    for _ in 0..100 {
        match host.run("echo next").await {
            Ok(done) => return done.stdout_text().into_owned(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Busy, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the channels of dropped commands are never closed");
}

#[tokio::test]
async fn a_server_that_is_full_or_runs_nothing_is_told_as_such() {
    let (_yard, target) = yard("MaxSessions 1");
    let host = SshExec::connect(&target).await.expect("a session");
    let (held, refused) = tokio::join!(host.run("sleep 1"), async {
        assert!(wait_for_async(Duration::from_secs(10), || sleepers("1") > 0).await.is_some(), "nobody sleeps");
        host.run("true").await
    });
    assert_eq!(held.expect("an end").status, Some(0));
    let error = refused.expect_err("no room");
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Busy, false), "{error}");

    let (_yard, target) = self::yard("MaxSessions 0");
    let host = SshExec::connect(&target).await.expect("a session");
    assert_eq!(host.run("true").await.expect_err("no sessions").kind(), ErrorKind::Busy);
}

#[tokio::test]
async fn a_host_that_dies_ends_what_runs_there() {
    let (yard, target) = yard("");
    let host = SshExec::connect(&target).await.expect("a session");
    let (ended, ()) = tokio::join!(host.run("sleep 4713"), async {
        assert!(wait_for_async(Duration::from_secs(10), || sleepers("4713") > 0).await.is_some(), "nobody sleeps");
        yard.run(&format!("ss -K dst 127.0.0.1 dport = :{} >/dev/null", target.port.expect("a port"))).expect("cut");
    });
    let error = ended.expect_err("the host is gone");
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Disconnected, true), "{error}");
    assert!(!host.is_connected());
}
