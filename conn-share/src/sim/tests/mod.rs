//! The router as its clients see it.

mod faults;
mod scale;
mod sessions;
mod ssh;
mod telnet;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Event, EventKind, Protocol, Router, RouterBuilder};

/// A router with the usual passwords.
fn router() -> RouterBuilder {
    Router::builder().hostname("r1").user("admin", "pw").enable("secret")
}

/// A terminal that types and reads, and knows no more about prompts than each test tells it.
struct Terminal<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Terminal<S> {
    fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the router reads");
        self.stream.flush().await.expect("the router reads");
    }

    /// Everything up to the next `end`, which has to come within a generous time.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.unread.split_off(at + end.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.unread, rest)).into_owned();
            }
            let mut piece = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut piece)).await;
            let count = match read {
                Ok(Ok(count)) if count > 0 => count,
                other => {
                    panic!("{other:?} while waiting for {end:?}; unread: {:?}", String::from_utf8_lossy(&self.unread))
                }
            };
            self.unread.extend_from_slice(&piece[..count]);
        }
    }

    /// Everything to the end of the stream, broken or not, which has to come within a generous time.
    async fn rest(&mut self) -> String {
        let mut piece = [0; 4096];
        loop {
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut piece)).await;
            match read.expect("the stream ends") {
                Ok(count) if count > 0 => self.unread.extend_from_slice(&piece[..count]),
                _ => return String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned(),
            }
        }
    }

    /// The output of a command, without echo and prompt.
    async fn ask(&mut self, command: &str, prompt: &str) -> String {
        self.send(format!("{command}\r\n")).await;
        self.until(&format!("{command}\r\n")).await;
        let output = self.until(&format!("\n{prompt}")).await;
        output[..output.len() - prompt.len()].replace("\r\n", "\n")
    }
}

async fn telnet(router: &Router) -> Terminal<TcpStream> {
    Terminal::new(TcpStream::connect(router.telnet_addr()).await.expect("the router listens"))
}

/// A Telnet terminal, logged in and enabled, without a pager.
async fn enabled(router: &Router) -> Terminal<TcpStream> {
    let mut terminal = telnet(router).await;
    terminal.until("Password: ").await;
    terminal.send("pw\r\n").await;
    terminal.until("r1> ").await;
    terminal.send("enable\r\n").await;
    terminal.until("Password: ").await;
    terminal.send("secret\r\n").await;
    terminal.until("r1# ").await;
    terminal.send("terminal length 0\r\n").await;
    terminal.until("r1# ").await;
    terminal
}

fn started(events: &[Event]) -> Vec<&str> {
    let commands = events.iter().filter_map(|event| match &event.kind {
        EventKind::CommandStarted { command } => Some(command.as_str()),
        _ => None,
    });
    commands.collect()
}
