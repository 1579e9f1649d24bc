use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::server::{Break, Script};
use super::{open_over, read_to, target, tasks_left};
use crate::transport::Transport;
use crate::transport::ssh::PEER_PATIENCE;
use crate::transport::ssh::pipe::UNREAD_LIMIT;
use crate::{Error, ErrorKind};

/// The crate's own error inside an `io::Error`.
pub(super) fn reason(error: &std::io::Error) -> ErrorKind {
    error.get_ref().and_then(|error| error.downcast_ref::<Error>()).map(Error::kind).expect("a reason")
}

/// Polls `future` at most `times` times.
pub(super) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            polls += 1;
            if polls >= times { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

#[tokio::test]
async fn open_dropped_at_every_poll_leaves_nothing_behind() {
    let script = Script::new();
    for polls in 1.. {
        let opened = polled(open_over(script.serve(), &target()), polls).await.is_some();
        // The shell, when there is one, was dropped at once too.
        assert_eq!(tasks_left().await, 0, "dropped after {polls} polls");
        if opened {
            assert!(polls > 5, "the login took {polls} polls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_keeps_nothing_alive_once_open_is_dropped() {
    for bytes in (0..2000).step_by(50) {
        let stream = Script::new().serve_until(bytes, Break::Freeze);
        let target = target();
        tokio::select! {
            biased;
            opened = open_over(stream, &target) => assert!(opened.is_err(), "it opened after {bytes} bytes"),
            _ = tasks_left() => {}
        }
        assert_eq!(tasks_left().await, 0, "after {bytes} bytes");
    }
}

#[tokio::test]
async fn the_end_of_a_shell_is_the_end_of_the_stream() {
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    let line = shell.line();
    read_to(&mut shell, "r1# ").await;
    assert!(line.is_open());
    shell.write_all(b"exit\r").await.unwrap();
    let mut rest = String::new();
    shell.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bye");
    assert!(!line.is_open());
    let error = shell.write_all(b"x").await.unwrap_err();
    assert_eq!(reason(&error), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_cut_ends_a_pending_read_at_once() {
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    read_to(&mut shell, "r1# ").await;
    let line = shell.line();
    let reader = tokio::spawn(async move {
        let mut byte = [0];
        (shell.read(&mut byte).await.unwrap_err(), shell)
    });
    tokio::task::yield_now().await;
    line.cut();
    let (error, mut shell) = reader.await.unwrap();
    assert_eq!(reason(&error), ErrorKind::NotConnected);
    assert!(!line.is_open());
    assert_eq!(reason(&shell.write_all(b"x").await.unwrap_err()), ErrorKind::NotConnected);
    // The session's task and the server's ended without the shell being dropped.
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test]
async fn a_cut_from_another_thread_ends_a_blocked_write() {
    let (stream, switch) = Script::new().serve_until_told(Break::Freeze);
    let mut shell = open_over(stream, &target()).await.unwrap();
    switch.break_it();
    let line = shell.line();
    let writer = tokio::spawn(async move {
        loop {
            if let Err(error) = shell.write_all(&[b'x'; 10_000]).await {
                return error;
            }
        }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!writer.is_finished(), "nothing blocked");
    std::thread::spawn(move || line.cut()).join().unwrap();
    assert_eq!(reason(&writer.await.unwrap()), ErrorKind::NotConnected);
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test]
async fn a_shell_that_is_shut_down_has_said_goodbye() {
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    shell.shutdown().await.unwrap();
    assert!(!shell.line().is_open());
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_peer_is_found_while_reading() {
    for how in [Break::Vanish, Break::Freeze] {
        let (stream, switch) = Script::new().serve_until_told(how);
        let mut shell = open_over(stream, &target()).await.unwrap();
        read_to(&mut shell, "r1# ").await;
        switch.break_it();
        let began = Instant::now();
        let error = shell.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(reason(&error), ErrorKind::Disconnected, "{how:?}: {error}");
        assert!(began.elapsed() <= PEER_PATIENCE, "{how:?}: {:?}", began.elapsed());
        assert!(!shell.line().is_open());
        drop(shell);
        assert_eq!(tasks_left().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_found_while_writing() {
    let (stream, switch) = Script::new().serve_until_told(Break::Freeze);
    let mut shell = open_over(stream, &target()).await.unwrap();
    switch.break_it();
    let began = Instant::now();
    let error = loop {
        if let Err(error) = shell.write_all(&[b'x'; 10_000]).await {
            break error;
        }
    };
    assert_eq!(reason(&error), ErrorKind::Disconnected, "{error}");
    assert!(began.elapsed() <= PEER_PATIENCE, "{:?}", began.elapsed());
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_nobody_reads_is_held_back_and_then_an_overflow() {
    let script = Script { greeting: vec![b'#'; 30_000], flood: true, ..Script::new() };
    let shell = open_over(script.serve(), &target()).await.unwrap();
    let mut most = 0;
    for _ in 0..5000 {
        tokio::task::yield_now().await;
        most = most.max(shell.unread());
    }
    // At the limit, and at most one packet over it.
    assert!((UNREAD_LIMIT..UNREAD_LIMIT + 256 * 1024).contains(&most), "{most} bytes were unread");
    assert!(shell.line().is_open());
    tokio::time::sleep(PEER_PATIENCE + Duration::from_secs(1)).await;
    assert!(!shell.line().is_open());
    let mut shell = shell;
    let mut all = Vec::new();
    let error = shell.read_to_end(&mut all).await.unwrap_err();
    assert_eq!(reason(&error), ErrorKind::Overflow, "{error}");
    assert_eq!(all.len(), most);
    assert_eq!(tasks_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_everything_in_order_and_keeps_the_session() {
    let mut numbers = String::new();
    for number in 0..400_000 {
        numbers.push_str(&format!("{number}\n"));
    }
    let script = Script { greeting: numbers.clone().into_bytes(), ..Script::new() };
    let mut shell = open_over(script.serve(), &target()).await.unwrap();
    let mut read = Vec::new();
    let mut piece = vec![0; 50_000];
    while read.len() < numbers.len() {
        // From full to empty takes as long as several keepalives.
        tokio::time::sleep(PEER_PATIENCE / 12).await;
        let now = shell.read(&mut piece).await.unwrap();
        read.extend_from_slice(&piece[..now]);
    }
    assert!(read == numbers.as_bytes(), "the output changed on the way");
    assert!(shell.line().is_open());
    shell.write_all(b"still there\r").await.unwrap();
    assert_eq!(read_to(&mut shell, "\r").await, "still there\r");
}

#[tokio::test]
async fn a_read_dropped_at_every_poll_loses_nothing() {
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    read_to(&mut shell, "r1# ").await;
    let mut read = Vec::new();
    let mut sent = Vec::new();
    for round in 0..100_usize {
        let line = format!("line {round}\r");
        shell.write_all(line.as_bytes()).await.unwrap();
        sent.extend_from_slice(line.as_bytes());
        let mut piece = [0; 7];
        if let Some(Ok(now)) = polled(shell.read(&mut piece), 1 + round % 5).await {
            read.extend_from_slice(&piece[..now]);
        }
    }
    while read.len() < sent.len() {
        let mut piece = [0; 64];
        let now = shell.read(&mut piece).await.unwrap();
        read.extend_from_slice(&piece[..now]);
    }
    assert_eq!(read, sent);
}

#[tokio::test]
async fn keepalives_keep_an_idle_session() {
    tokio::time::pause();
    let mut shell = open_over(Script::new().serve(), &target()).await.unwrap();
    read_to(&mut shell, "r1# ").await;
    tokio::time::sleep(PEER_PATIENCE * 10).await;
    assert!(shell.line().is_open());
}
