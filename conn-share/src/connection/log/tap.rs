//! The place between a session and its transport where the log listens.

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::SessionLog;
use super::clock::Moment;
use super::redact::{MASK, Redactor, Secrets};
use crate::connection::hidden::Hidden;
use crate::transport::{Line, Transport};

/// What is sent while something is held back waits for that, to keep the order; but no more than this.
const BEHIND: usize = 64 * 1024;

/// The log of one connection, over all its sessions.
#[derive(Clone)]
pub(crate) struct Logging {
    log: SessionLog,
    name: String,
    hidden: Hidden,
}

impl Logging {
    /// A log of what the connection called `name` says, without what is hidden.
    pub(crate) fn new(log: SessionLog, name: &str, hidden: Hidden) -> Self {
        Self { log, name: one_word(name), hidden }
    }

    /// Listens to a session over `transport`.
    pub(crate) fn listen(&self, transport: Box<dyn Transport>) -> Box<dyn Transport> {
        let number = self.log.0.number();
        let mut tap = Tap {
            transport,
            origin: format!("[{} {number}]", self.name),
            logging: self.clone(),
            redactor: Redactor::default(),
            held: Vec::new(),
            behind: String::new(),
            meant: Vec::new(),
            gone: 0,
            ended: false,
        };
        tap.put('#', "open");
        Box::new(tap)
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.hidden.secrets()
    }
}

/// Fit to stand in brackets at the start of a line.
fn one_word(name: &str) -> String {
    name.escape_default().to_string().replace(']', ")")
}

/// A transport that is listened to.
struct Tap {
    transport: Box<dyn Transport>,
    /// What its lines begin with, after the time.
    origin: String,
    logging: Logging,
    redactor: Redactor,
    /// Lines that wait for what the redactor holds back.
    behind: String,
    /// What it held back when they came.
    held: Vec<u8>,
    /// What was given to be written and is not logged yet, and how much of it went out.
    meant: Vec<u8>,
    gone: usize,
    /// The end of the session is logged.
    ended: bool,
}

impl Tap {
    fn put(&mut self, mark: char, text: impl Display) {
        let line = format!("{} {} {mark} {text}\n", Moment::now(), self.origin);
        if self.redactor.held().is_empty() {
            return self.logging.log.0.put(line);
        }
        if self.behind.is_empty() {
            self.held = self.redactor.held().to_vec();
        }
        self.behind.push_str(&line);
        if self.behind.len() > BEHIND {
            self.let_go();
        }
    }

    fn put_heard(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line = format!("{} {} < {}\n", Moment::now(), self.origin, line.escape_ascii());
            self.logging.log.0.put(line);
        }
    }

    fn put_behind(&mut self) {
        self.held.clear();
        if !self.behind.is_empty() {
            self.logging.log.0.put(std::mem::take(&mut self.behind));
        }
    }

    /// Waits no longer for what is held back.
    fn let_go(&mut self) {
        let mut certain = Vec::new();
        self.redactor.finish(&mut certain);
        self.put_heard(&certain);
        self.put_behind();
    }

    /// Bytes came.
    fn heard(&mut self, bytes: &[u8]) {
        let mut certain = Vec::new();
        self.redactor.feed(bytes, &mut self.logging.secrets(), &mut certain);
        if self.behind.is_empty() || certain.is_empty() {
            return self.put_heard(&certain);
        }
        let before = if certain.starts_with(&self.held) {
            self.held.len()
        } else if self.held.starts_with(&certain) {
            self.held.drain(..certain.len());
            return self.put_heard(&certain);
        } else {
            // It was a secret, of which the rest came just now.
            let mask = MASK.as_bytes();
            certain.windows(mask.len()).position(|window| window == mask).map_or(certain.len(), |at| at + mask.len())
        };
        let (before, after) = certain.split_at(before);
        self.put_heard(before);
        self.put_behind();
        self.put_heard(after);
    }

    /// `bytes` are about to be written, or the rest of what was meant to be.
    fn means(&mut self, bytes: &[u8]) {
        if self.meant.get(self.gone..) != Some(bytes) || bytes.is_empty() {
            if self.gone < self.meant.len() {
                // Given up half-way: what follows is something else.
                self.said();
            }
            self.meant.extend_from_slice(bytes);
        }
    }

    /// Logs what was written.
    fn said(&mut self) {
        let meant = std::mem::take(&mut self.meant);
        let gone = std::mem::take(&mut self.gone);
        if meant.is_empty() {
            return;
        }
        let shown = self.logging.secrets().typed(&String::from_utf8_lossy(&meant));
        self.put('>', shown.as_bytes().escape_ascii());
        if gone < meant.len() {
            self.put('#', format_args!("of this {gone} of {} bytes went out", meant.len()));
        }
    }

    fn end(&mut self, how: impl Display) {
        if !self.ended {
            self.ended = true;
            self.said();
            self.let_go();
            self.put('#', how);
        }
    }
}

impl Transport for Tap {
    fn line(&self) -> Arc<dyn Line> {
        self.transport.line()
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.transport).poll_read(cx, buf));
        match (&read, buf.filled().get(before..).unwrap_or_default()) {
            (Ok(()), []) => self.end("closed by the device"),
            (Ok(()), bytes) => self.heard(bytes),
            (Err(error), _) => self.end(format_args!("lost: {}", error.kind())),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.means(buf);
        let written = ready!(Pin::new(&mut self.transport).poll_write(cx, buf));
        match &written {
            Ok(count) => self.gone += count,
            Err(error) => self.end(format_args!("lost: {}", error.kind())),
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Logged before the flush is waited for: the answer may come first.
        if self.gone == self.meant.len() {
            self.said();
        }
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.transport).poll_shutdown(cx))?;
        self.end("closed");
        Poll::Ready(Ok(()))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end("closed");
    }
}
