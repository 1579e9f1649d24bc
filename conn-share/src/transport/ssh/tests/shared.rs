use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::life::{polled, reason};
use super::server::{At, Break, Script, Switch};
use super::{LIMIT, read_to, target, tasks_left};
use crate::deadline::Deadline;
use crate::transport::Transport;
use crate::transport::ssh::carrier::Carrier;
use crate::transport::ssh::settings::Settings;
use crate::transport::ssh::shared::{ROOM_REMEMBERED, SharedTransports};
use crate::transport::ssh::shell::Shell;
use crate::transport::ssh::{Attempt, Channels, PEER_PATIENCE, Prepared, host_record, identity, start_shell};
use crate::{ErrorKind, Target};

/// A session for several channels with a server that plays `script`.
pub(super) async fn carrier(script: &Script) -> (Arc<Carrier>, Switch) {
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

#[tokio::test(start_paused = true)]
async fn a_channel_that_takes_nothing_keeps_nobody_else_from_writing() {
    let script = Script { window: Some(64 * 1024), ..Script::new() };
    let (carrier, switch) = carrier(&script).await;
    let (mut deaf, mut other) = (shell(&carrier).await, shell(&carrier).await);
    read_to(&mut other, "r1# ").await;
    let pasting = tokio::spawn(async move {
        let done = deaf.write_all(&[b'x'; 1024 * 1024]).await;
        (done, deaf)
    });
    for round in 0..10 {
        let line = format!("still here {round}\r");
        other.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(LIMIT, read_to(&mut other, "\r")).await;
        assert_eq!(answer.expect("nothing goes out any more"), line);
    }
    assert!(!pasting.is_finished(), "all of it was taken, from somewhere");
    // Given up, its channel is closed; and there is room for another.
    pasting.abort();
    assert!(pasting.await.is_err_and(|error| error.is_cancelled()));
    tasks_left().await;
    assert_eq!(script.channels.load(Relaxed), 1);
    let mut deaf = shell(&carrier).await;

    // One that waits to write hears of the end.
    let pasting = tokio::spawn(async move { deaf.write_all(&[b'x'; 1024 * 1024]).await.unwrap_err() });
    tasks_left().await;
    assert!(!pasting.is_finished());
    switch.break_it();
    let error = tokio::time::timeout(PEER_PATIENCE, pasting).await.expect("it waits for ever").unwrap();
    assert_eq!(reason(&error), ErrorKind::Disconnected, "{error}");
    drop((other, carrier));
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_nobody_has_come_for_yet_keeps_nobody_else_waiting() {
    let script = Script::new();
    let (carrier, _switch) = carrier(&script).await;
    let mut other = shell(&carrier).await;
    read_to(&mut other, "r1# ").await;
    let place = carrier.reserve(10).unwrap();
    let mut opening = Box::pin(place.tunnel("r2", 22));
    assert!(polled(opening.as_mut(), 1).await.is_none());
    tasks_left().await;
    other.write_all(b"still here\r").await.unwrap();
    let answer = tokio::time::timeout(LIMIT, read_to(&mut other, "\r")).await;
    assert_eq!(answer.expect("everybody waits"), "still here\r");
    // All that was said is there when somebody comes.
    let mut tunnel = Shell::seated(opening.await.unwrap());
    let mut said = [0; 1000];
    tunnel.read_exact(&mut said).await.unwrap();
    assert_eq!(said, [b'x'; 1000]);
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
async fn a_channel_that_comes_when_its_caller_is_about_to_go_is_closed() {
    let script = Script::new();
    let (carrier, _switch) = carrier(&script).await;
    let _kept = shell(&carrier).await;
    let place = carrier.reserve(10).unwrap();
    let mut opening = Box::pin(place.session_channel());
    assert!(polled(opening.as_mut(), 1).await.is_none());
    // The answer comes, and is not looked at.
    tasks_left().await;
    assert_eq!(script.channels.load(Relaxed), 2);
    drop(opening);
    tasks_left().await;
    assert_eq!((script.channels.load(Relaxed), carrier.taken()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_ends_before_it_is_taken_ends_for_whoever_takes_it() {
    let script = Script { closes: true, ..Script::new() };
    let (carrier, _switch) = carrier(&script).await;
    let seat = carrier.reserve(10).unwrap().session_channel().await.unwrap();
    tasks_left().await;
    let mut taken = Shell::seated(seat);
    let mut said = String::new();
    let read = tokio::time::timeout(LIMIT, taken.read_to_string(&mut said)).await;
    read.expect("it never ended").unwrap();
    assert_eq!(said, "r1# ");
    drop((taken, carrier));
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_before_a_channel_is_taken_ends_for_whoever_takes_it() {
    let script = Script::new();
    let (carrier, switch) = carrier(&script).await;
    let seat = carrier.reserve(10).unwrap().session_channel().await.unwrap();
    switch.break_it();
    while carrier.is_open() {
        let _ = seat.requests().unwrap().data_bytes(b"x".to_vec()).await;
        tokio::task::yield_now().await;
    }
    tasks_left().await;
    let mut taken = Shell::seated(seat);
    let read = tokio::time::timeout(LIMIT, taken.read(&mut [0])).await;
    let error = read.expect("it never ended").unwrap_err();
    assert_eq!(reason(&error), ErrorKind::Disconnected, "{error}");
    assert!(!taken.line().is_open());
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

/// Everybody's logins to a server on loopback, counted.
async fn listen(script: &Script) -> (Target, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = target().port(listener.local_addr().unwrap().port());
    target.host = "127.0.0.1".to_owned();
    let (script, logins) = (script.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&logins);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            script.serve_on(stream);
        }
    });
    (target, logins)
}

#[tokio::test]
async fn what_a_server_had_no_room_for_once_is_tried_again_later() {
    let script = Script::new();
    let (target, logins) = listen(&script).await;
    let shared = SharedTransports::new(10);
    let settings = Settings::of(&target).await.unwrap();
    let attempt = || Attempt::new(&target, Deadline::after(LIMIT));
    let first = shared.shell(&attempt(), &settings).await.unwrap();
    // At this moment, one is all that it takes.
    script.room.store(1, Relaxed);
    let (kind, _, text) = super::failure(shared.shell(&attempt(), &settings).await);
    assert_eq!((kind, script.refused.load(Relaxed), logins.load(Relaxed)), (ErrorKind::Busy, 2, 2), "{text}");
    script.room.store(usize::MAX, Relaxed);

    // For a while that is believed, without a question.
    let second = shared.shell(&attempt(), &settings).await.unwrap();
    assert_eq!((script.refused.load(Relaxed), logins.load(Relaxed)), (2, 3));
    drop(second);
    tokio::time::pause();
    tokio::time::advance(ROOM_REMEMBERED).await;
    tokio::time::resume();
    let second = shared.shell(&attempt(), &settings).await.unwrap();
    assert_eq!((script.refused.load(Relaxed), logins.load(Relaxed)), (2, 3), "it went to another session");
    drop((first, second));
}

#[tokio::test]
async fn a_server_that_has_one_terminal_for_a_session_gets_another_session() {
    let script = Script { one_terminal: true, ..Script::new() };
    let (target, logins) = listen(&script).await;
    let shared = SharedTransports::new(10);
    let settings = Settings::of(&target).await.unwrap();
    let attempt = || Attempt::new(&target, Deadline::after(LIMIT));
    let mut shells = Vec::new();
    for number in 1..4 {
        shells.push(shared.shell(&attempt(), &settings).await.unwrap());
        assert_eq!(logins.load(Relaxed), number);
    }
    for shell in &mut shells {
        assert_eq!(read_to(shell, "r1# ").await, "r1# ");
    }
    // A refusal in a session of its own is one.
    let script = Script { refuses: Some(At::Terminal), ..Script::new() };
    let (target, logins) = listen(&script).await;
    let settings = Settings::of(&target).await.unwrap();
    let (kind, phase, text) =
        super::failure(shared.shell(&Attempt::new(&target, Deadline::after(LIMIT)), &settings).await);
    assert_eq!((kind, phase, logins.load(Relaxed)), (ErrorKind::Refused, Some("opening the shell"), 1), "{text}");
}
