use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::life::{polled, reason};
use super::server::{Break, Script, Switch};
use super::{LIMIT, read_to, target, tasks_left};
use crate::ErrorKind;
use crate::deadline::Deadline;
use crate::transport::Transport;
use crate::transport::ssh::carrier::Carrier;
use crate::transport::ssh::settings::Settings;
use crate::transport::ssh::shell::Shell;
use crate::transport::ssh::{Attempt, Channels, Prepared, host_record, identity, start_shell};

/// A session for several channels with a server that plays `script`.
async fn carrier(script: &Script) -> (Arc<Carrier>, Switch) {
    let target = target();
    let attempt = Attempt::new(&target, Deadline::after(LIMIT));
    let settings = Settings::of(&target).await.unwrap();
    let keys = identity::load(&settings).await.unwrap();
    let host = host_record(&settings).await.unwrap();
    let (stream, switch) = script.serve_until_told(Break::Close);
    let prepared = Prepared { settings: &settings, keys, host };
    let session = attempt.over(stream, prepared, Channels::Many).await.unwrap();
    (Carrier::new(session).unwrap(), switch)
}

async fn shell(carrier: &Arc<Carrier>) -> Shell {
    let place = carrier.reserve(10).unwrap();
    start_shell(place.session_channel().await.unwrap()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_nobody_reads_holds_the_others_up_for_a_moment_only() {
    let script = Script::new();
    let (carrier, _switch) = carrier(&script).await;
    let (mut flooded, mut other) = (shell(&carrier).await, shell(&carrier).await);
    read_to(&mut other, "r1# ").await;
    flooded.write_all(b"flood\r").await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    other.write_all(b"still here\r").await.unwrap();
    assert_eq!(read_to(&mut other, "\r").await, "still here\r");
    assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());

    assert!(!flooded.line().is_open());
    let mut all = Vec::new();
    let error = flooded.read_to_end(&mut all).await.unwrap_err();
    assert_eq!(reason(&error), ErrorKind::Overflow, "{error}");
    assert!(all.len() < 1024 * 1024, "{} bytes were kept", all.len());
    drop(flooded);

    // The flood goes on at the server until it notes that nobody is there; the other has its answers all the same.
    tokio::time::sleep(Duration::from_secs(60)).await;
    other.write_all(b"and still\r").await.unwrap();
    assert_eq!(read_to(&mut other, "\r").await, "and still\r");
    drop((other, carrier));
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test]
async fn a_shell_dropped_at_every_poll_of_its_opening_leaves_no_channel_behind() {
    let script = Script::new();
    let (carrier, _switch) = carrier(&script).await;
    let mut kept = shell(&carrier).await;
    for polls in 1.. {
        let opened = polled(shell(&carrier), polls).await.is_some();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(script.channels.load(Relaxed), 1, "after {polls} polls");
        assert_eq!(carrier.taken(), 1, "after {polls} polls");
        if opened {
            assert!(polls > 2, "opening took {polls} polls only");
            break;
        }
    }
    read_to(&mut kept, "r1# ").await;
    kept.write_all(b"still here\r").await.unwrap();
    assert_eq!(read_to(&mut kept, "\r").await, "still here\r");
    drop((kept, carrier));
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test]
async fn the_end_of_one_is_not_the_end_of_the_others_and_the_end_of_all_is() {
    let script = Script::new();
    let (carrier, switch) = carrier(&script).await;
    let [mut ended, mut cut, mut left, mut last] =
        [shell(&carrier).await, shell(&carrier).await, shell(&carrier).await, shell(&carrier).await];
    read_to(&mut ended, "r1# ").await;
    ended.write_all(b"exit\r").await.unwrap();
    let mut rest = String::new();
    ended.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bye");
    cut.line().cut();
    assert_eq!(reason(&cut.read(&mut [0]).await.unwrap_err()), ErrorKind::NotConnected);
    left.shutdown().await.unwrap();
    drop((ended, cut, left));
    read_to(&mut last, "r1# ").await;
    last.write_all(b"still here\r").await.unwrap();
    assert_eq!(read_to(&mut last, "\r").await, "still here\r");

    // The session breaks under two of them.
    let mut other = shell(&carrier).await;
    read_to(&mut other, "r1# ").await;
    switch.break_it();
    for shell in [&mut last, &mut other] {
        let error = loop {
            if let Err(error) = shell.write_all(b"x").await {
                break error;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(reason(&error), ErrorKind::Disconnected, "{error}");
        assert!(!shell.line().is_open());
    }
    drop((last, other, carrier));
    assert_eq!(tasks_left().await, 0);
}
