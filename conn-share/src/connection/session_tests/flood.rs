//! Peers that keep the line busy without saying anything: limits hold all the same.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::*;
use crate::ErrorKind;
use crate::transport::{Transport, telnet};

const LIMIT: Duration = Duration::from_secs(2);

fn flooded(opener: impl Fn() -> Box<dyn Transport> + Send + Sync + 'static) -> TelnetConnection {
    let target = Target::new("r1.example").name("r1").platform("frr").connect_timeout(LIMIT).command_timeout(LIMIT);
    let opener = Arc::new(move |_| -> Opening {
        let transport = opener();
        Box::pin(async move { Ok(transport) })
    });
    TelnetConnection::over(&target, SessionOptions::new(), "\n", opener).expect("valid options")
}

/// Runs `future` beside others while the clock is moved by hand: a flood leaves paused time no idle moment to jump in.
async fn ended<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let (begun, task) = (Instant::now(), tokio::spawn(future));
    while !task.is_finished() {
        assert!(begun.elapsed() < 2 * LIMIT, "no end after {:?}", begun.elapsed());
        tokio::time::advance(Duration::from_millis(5)).await;
        tokio::task::yield_now().await;
    }
    task.await.expect("no panic")
}

/// A stream that has telnet commands to read at any time once it was asked for them, as a socket has whose peer is fast.
struct Flooding {
    stream: Box<dyn Transport>,
    block: [u8; 2],
    floods: Arc<AtomicBool>,
}

impl AsyncRead for Flooding {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.floods.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
        buf.put_slice(&self.block.repeat(32));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flooding {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.starts_with(b"flood") {
            self.floods.store(true, Ordering::Relaxed);
        }
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn flooding(block: [u8; 2], from_the_start: bool) -> TelnetConnection {
    let record = Arc::new(Record::default());
    flooded(move || {
        let stream = device(Manner::default(), record.clone());
        telnet::over(Flooding { stream, block, floods: Arc::new(AtomicBool::new(from_the_start)) })
    })
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_telnet_commands_ends_with_the_limit_of_the_login() {
    for block in [[255, 241], [255, 242], [255, 249]] {
        let router = flooding(block, true);
        let error = ended(async move { router.connect().await }).await.expect_err("nobody says anything");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_telnet_commands_ends_with_the_limit_of_the_command() {
    let router = Arc::new(flooding([255, 241], false));
    router.connect().await.expect("connects");
    let flooded = router.clone();
    let error = ended(async move { flooded.execute("flood").await }).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let next = router.clone();
    assert_eq!(ended(async move { next.execute("say x").await }).await.expect("on a new session"), "you said x");
    assert_eq!(router.status().reconnected, 1);
}
