//! What a log says, against a device that is played, a slow writer and one that fails.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::writer::WAITING;
use super::*;
use crate::connection::hidden::Hidden;
use crate::connection::link::Opening;
use crate::transport::{Line, Transport};
use crate::{Connection, ExecuteOptions, Interaction, SessionOptions, Target, TelnetConnection};

/// A writer into memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    /// The lines, without their times.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("ASCII");
        text.lines().map(|line| line.split_once(' ').expect("a time").1.to_owned()).collect()
    }
}

/// A writer that waits for a token before each piece.
struct Slow(Receiver<()>, Memory);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.recv().map_err(|_| io::ErrorKind::StorageFull)?;
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slow() -> (Sender<()>, Memory, SessionLog) {
    let (tokens, wait) = channel();
    let memory = Memory::default();
    (tokens, memory.clone(), SessionLog::to(Slow(wait, memory)))
}

struct Pipe(DuplexStream);

struct Open;

impl Line for Open {
    fn is_open(&self) -> bool {
        true
    }

    fn cut(&self) {}
}

impl Transport for Pipe {
    fn line(&self) -> Arc<dyn Line> {
        Arc::new(Open)
    }
}

impl tokio::io::AsyncRead for Pipe {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// One session over a pipe that is listened to: `talk` plays both sides.
async fn listened<F: AsyncFnOnce(Box<dyn Transport>, DuplexStream)>(secrets: &[&str], talk: F) -> Vec<String> {
    let memory = Memory::default();
    let log = SessionLog::to(memory.clone());
    let secrets: Vec<crate::Secret> = secrets.iter().copied().map(Into::into).collect();
    let (ours, theirs) = tokio::io::duplex(64);
    talk(Logging::new(log.clone(), "r1 ]\n", Hidden::keeping(&secrets)).listen(Box::new(Pipe(ours))), theirs).await;
    log.flush().await.expect("written");
    let lines = memory.lines();
    let lines = lines.iter().map(|line| line.strip_prefix("[r1 )\\n 1] ").expect("the origin").to_owned());
    lines.collect()
}

async fn hear(ours: &mut Box<dyn Transport>, theirs: &mut DuplexStream, bytes: &[u8]) {
    theirs.write_all(bytes).await.expect("room");
    let mut heard = vec![0; bytes.len()];
    ours.read_exact(&mut heard).await.expect("there");
}

#[tokio::test]
async fn a_password_echoed_in_two_pieces_is_in_no_line() {
    for cut in 0..=8 {
        let lines = listened(&["hunter22"], async |mut ours, mut theirs| {
            hear(&mut ours, &mut theirs, b"Password: ").await;
            ours.write_all(b"hunter22\r\n").await.expect("room");
            ours.flush().await.expect("room");
            for piece in [&b"hunter22"[..cut], &b"hunter22"[cut..]].into_iter().filter(|piece| !piece.is_empty()) {
                hear(&mut ours, &mut theirs, piece).await;
                // What is sent meanwhile keeps its place.
                ours.write_all(b"x").await.expect("room");
                ours.flush().await.expect("room");
            }
            hear(&mut ours, &mut theirs, b"\r\n\x1b[31mr1> ").await;
        });
        let lines = lines.await;
        assert!(!lines.concat().contains("hun") && !lines.concat().contains("er22"), "{lines:?}");
        assert_eq!(lines[..4], ["# open", "< Password: ", "> ***\\r\\n", "< ***"], "{lines:?}");
        assert_eq!(lines[lines.len() - 3..], ["< \\r\\n", "< \\x1b[31mr1> ", "# closed"], "{lines:?}");
        assert_eq!(lines.iter().filter(|line| *line == "> x").count(), if cut % 8 == 0 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn what_only_begins_like_a_secret_keeps_its_place() {
    let lines = listened(&["# secret"], async |mut ours, mut theirs| {
        hear(&mut ours, &mut theirs, b"r1# ").await;
        ours.write_all(b"show\n").await.expect("room");
        ours.flush().await.expect("room");
        hear(&mut ours, &mut theirs, b"show\r\nr1# ").await;
    });
    assert_eq!(lines.await, ["# open", "< r1", "< # ", "> show\\n", "< show\\r\\n", "< r1", "< ***", "# closed"]);
}

#[tokio::test]
async fn half_a_line_is_told_and_half_a_secret_is_not() {
    let lines = listened(&["hunter22"], async |mut ours, _theirs| {
        // More than the pipe takes.
        let long = format!("enable secret {}", "hunter22".repeat(20));
        let cut = tokio::time::timeout(std::time::Duration::ZERO, ours.write_all(long.as_bytes())).await;
        cut.expect_err("the pipe is full");
    });
    assert_eq!(lines.await, ["# open", "> enable secret ***", "# of this 64 of 174 bytes went out", "# closed"]);
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_told() {
    let lines = listened(&[], async |mut ours, theirs| {
        drop(theirs);
        assert_eq!(ours.read(&mut [0; 8]).await.expect("the end"), 0);
    });
    assert_eq!(lines.await, ["# open", "# closed by the device"]);
}

#[tokio::test]
async fn a_slow_writer_holds_nobody_up_and_the_log_says_what_is_missing() {
    let (tokens, memory, log) = slow();
    let line = format!("{}\n", "x".repeat(999));
    for _ in 0..2 * WAITING / 1000 {
        log.0.put(line.clone());
    }
    for _ in 0..3 * WAITING / 1000 {
        tokens.send(()).expect("the writer waits");
    }
    log.flush().await.expect("written");
    log.0.put("the last\n".to_owned());
    log.flush().await.expect("written");
    let text = String::from_utf8(memory.0.lock().expect("not poisoned").clone()).expect("text");
    assert!(text.len() < WAITING + 4000, "{}", text.len());
    let end: Vec<&str> = text.lines().rev().take(2).collect();
    assert!(
        end[0] == "the last" && end[1].contains(" bytes of this log were left out: its writer is too slow"),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_writer_that_fails_ends_the_log_and_nothing_else() {
    let (tokens, _, log) = slow();
    drop(tokens);
    log.0.put("lost\n".to_owned());
    assert_eq!(log.flush().await.expect_err("no room").kind(), io::ErrorKind::StorageFull);
    log.0.put("lost\n".to_owned());
    assert_eq!(log.flush().await.expect_err("no room").kind(), io::ErrorKind::StorageFull);
}

#[tokio::test]
async fn a_file_is_shared_and_written_to_its_end() {
    let path = std::env::temp_dir().join(format!("conn-share-session-{}.log", std::process::id()));
    let (one, same) = (SessionLog::file(&path).expect("opens"), SessionLog::file(&path).expect("opens"));
    assert_eq!(one, same);
    one.0.put("one\n".to_owned());
    same.0.put("two\n".to_owned());
    one.flush().await.expect("written");
    let text = std::fs::read_to_string(&path).expect("there");
    std::fs::remove_file(&path).expect("there");
    assert_eq!(text, "one\ntwo\n");
    assert_eq!(SessionLog::file("/no/such/folder/x.log").expect_err("no folder").kind(), ErrorKind::Config);
}

/// The whole of a session: a login that echoes the password, an answer, a question with a secret for an answer.
#[tokio::test(start_paused = true)]
async fn a_session_from_its_login_on() {
    async fn device(mut stream: DuplexStream) -> io::Result<()> {
        stream.write_all(b"\r\nPassword: ").await?;
        let mut typed = Vec::new();
        while let key @ 1.. = stream.read_u8().await? {
            match key {
                b'\r' => {}
                b'\n' if typed == b"hunter22" => stream.write_all(b"hunt\r\n>").await?,
                b'\n' if typed == b"ask" => stream.write_all(b"\r\nSure? ").await?,
                b'\n' => stream.write_all(b"\r\nr1>").await?,
                key => stream.write_all(&[key]).await?,
            }
            if key == b'\n' { typed.clear() } else { typed.push(key) }
        }
        Ok(())
    }
    let memory = Memory::default();
    let log = SessionLog::to(memory.clone());
    let target = Target::new("r1").platform("generic").password("hunter22").log(log.clone());
    let opener = Arc::new(|_| -> Opening {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(4096);
            tokio::spawn(device(theirs));
            Ok(Box::new(Pipe(ours)) as Box<dyn Transport>)
        })
    });
    let router = TelnetConnection::over(&target, SessionOptions::new(), "\n", opener).expect("valid");
    router.connect().await.expect("connects");
    let options = ExecuteOptions::new().interaction(Interaction::line("Sure?", "open sesame"));
    router.execute_with("ask", &options).await.expect("answered");
    router.execute("username admin password sesame2").await.expect("answered");
    router.disconnect().await.expect("closes");
    log.flush().await.expect("written");
    let lines = memory.lines();
    let all = lines.join("\n");
    assert!(!all.contains("hunter22") && !all.contains("sesame"), "{all}");
    assert!(all.contains("[r1 1] > ***\\n") && all.contains("> username admin password ***\\n"), "{all}");
    assert!(all.ends_with("[r1 1] # closed"), "{all}");
}

/// A writer that panics.
struct Panics;

impl Write for Panics {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("the writer panics")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let log = SessionLog::to(Panics);
    log.0.put("a line\n".to_owned());
    for _ in 0..2 {
        let flushed = tokio::time::timeout(std::time::Duration::from_secs(60), log.flush());
        flushed.await.expect("told").expect_err("it panicked");
    }
}
