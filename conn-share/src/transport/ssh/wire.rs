//! The socket as the session's task sees it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::pipe::{End, Leave, Pipe};
use crate::{Error, ErrorKind};

/// russh asks for four bytes and then for the rest of a packet; this many are asked of the socket instead. Larger
/// packets go straight through.
const READ_AHEAD: usize = 8 * 1024;

/// A login takes a few kilobytes, and a long banner a few more. russh queues some of what a server says meanwhile
/// without a limit of its own.
const LOGIN_LIMIT: usize = 1024 * 1024;

/// A peer that takes nothing for this long is gone. russh waits in its writes without keeping time, so its own
/// keepalives would never notice. What cannot be written may itself be the first keepalive, sent after a silence.
const WRITE_PATIENCE: Duration = super::PEER_PATIENCE.saturating_sub(super::KEEPALIVE_EVERY);

/// So long one channel of several may hold the others back by not being read. Much longer than any reader that is about
/// takes, and short enough for the others' commands to end in time.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);

/// A byte stream that can be cut from outside, that holds back when too much is unread, and that reads ahead.
pub(super) struct Wire<S> {
    stream: S,
    pipe: Arc<Pipe>,
    ahead: Box<[u8]>,
    start: usize,
    end: usize,
    /// What may still arrive before the login is done; nothing to count after that.
    login_budget: Option<usize>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs while one channel of several holds the others back.
    held: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, pipe: Arc<Pipe>) -> Self {
        let ahead = vec![0; READ_AHEAD].into();
        Self { stream, pipe, ahead, start: 0, end: 0, login_budget: Some(LOGIN_LIMIT), stalled: None, held: None }
    }

    /// Waits for somebody to read. Where one channel holds others back, not for ever.
    fn hold(&mut self, cx: &mut Context<'_>) {
        let Some(members) = self.pipe.members() else { return };
        let held = self.held.get_or_insert_with(|| Box::pin(sleep(HOLD_PATIENCE)));
        if held.as_mut().poll(cx).is_ready() {
            self.held = None;
            // Wakes us.
            members.evict();
        }
    }

    fn count(&mut self, arrived: usize) -> io::Result<()> {
        let Some(budget) = self.login_budget else { return Ok(()) };
        if self.pipe.is_logged_in() {
            self.login_budget = None;
            return Ok(());
        }
        self.login_budget = budget.checked_sub(arrived);
        match self.login_budget {
            Some(_) => Ok(()),
            None => Err(failure(ErrorKind::Overflow, "the device sends without end instead of letting us log in")),
        }
    }

    /// Hands out what was read ahead; false when there is nothing.
    fn serve(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let ready = self.ahead.get(self.start..self.end).unwrap_or_default();
        let (now, _) = ready.split_at(ready.len().min(buf.remaining()));
        buf.put_slice(now);
        self.start += now.len();
        !now.is_empty()
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    fn fill(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.pipe.leave_to_read(cx) {
            Leave::Go => self.held = None,
            Leave::Hold => {
                self.hold(cx);
                return Poll::Pending;
            }
            Leave::Cut => return Poll::Ready(Err(End::Cut.into())),
        }
        if self.serve(buf) {
            return Poll::Ready(Ok(()));
        }
        if buf.remaining() >= READ_AHEAD {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            return Poll::Ready(self.count(buf.filled().len() - before));
        }
        let mut ahead = ReadBuf::new(&mut self.ahead);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut ahead))?;
        (self.start, self.end) = (0, ahead.filled().len());
        self.count(self.end)?;
        self.serve(buf);
        Poll::Ready(Ok(()))
    }
}

/// Whatever makes the session's task wait, the reader hears before of what has arrived.
impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = this.fill(cx, buf);
        if filled.is_pending() {
            this.pipe.announce();
        }
        filled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Leave::Cut = this.pipe.leave_to_write(cx) {
            return Poll::Ready(Err(End::Cut.into()));
        }
        if let Poll::Ready(written) = Pin::new(&mut this.stream).poll_write(cx, data) {
            this.stalled = None;
            return Poll::Ready(written);
        }
        this.pipe.announce();
        let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_PATIENCE)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(failure(ErrorKind::Disconnected, "the device stopped taking data")))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Leave::Cut = this.pipe.leave_to_write(cx) {
            return Poll::Ready(Err(End::Cut.into()));
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_pending() {
            this.pipe.announce();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Leave::Cut = this.pipe.leave_to_write(cx) {
            // The stream is dropped next; russh skips the news of the end when this fails.
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut this.stream).poll_shutdown(cx) {
            Poll::Ready(_) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Goes through russh and comes out in [`explain`](super::events::explain).
fn failure(kind: ErrorKind, text: &'static str) -> io::Error {
    io::Error::other(Error::new(kind, text))
}
