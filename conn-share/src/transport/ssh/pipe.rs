//! What the session's task and the caller's stream share: bytes that arrived, who waits, and how it ended.
//!
//! russh drives a connection in one task, and that task stops when a handler or a channel's queue makes it wait,
//! keepalives included. So nothing here ever makes it wait: its handler appends what arrives, and when too much is
//! unread it is the *socket* that stops giving bytes (see [`Wire`](super::wire::Wire)). Memory stays bounded, the
//! peer feels it through TCP, and the task goes on writing and keeping time.
//!
//! The reader is woken when the task has nothing more to do, not by each packet: a short answer is a few of them, and waking
//! somebody on another thread costs more than they do.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::members::Members;
use crate::{Error, ErrorKind};

/// Unread bytes beyond which nothing more is taken from the socket.
///
/// A reader takes all of it at once, so this is also how far the peer can run ahead: enough to keep a gigabit link
/// busy for two milliseconds, little enough for thousands of sessions. One SSH packet (at most 256 KiB) may come on
/// top, since a packet in flight is not cut.
pub(super) const UNREAD_LIMIT: usize = 256 * 1024;

/// So much is not kept from a reader that waits: it can read while more is decrypted.
const PROMPTLY: usize = 32 * 1024;

/// Buffers larger than this are given back once they are empty, so that an idle session costs little.
const KEPT_CAPACITY: usize = 32 * 1024;

pub(super) struct Pipe {
    state: Mutex<State>,
    /// That of the session, when this is one of several channels.
    session: Option<Arc<Pipe>>,
    /// How many of a session's channels have too much unread.
    full: AtomicUsize,
    /// Whose session this is, when it has several channels.
    members: OnceLock<Weak<Members>>,
}

#[derive(Default)]
struct State {
    unread: Vec<u8>,
    end: Option<End>,
    /// The socket was held back since `unread` was full.
    held_back: bool,
    /// It is one of those channels of its session that have too much unread.
    counted: bool,
    /// The server took our login.
    logged_in: bool,
    /// The session's task is gone.
    finished: bool,
    reader: Option<Waker>,
    /// Who waits until it may write.
    writer: Option<Waker>,
    session: Option<Waker>,
    closer: Option<Waker>,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// The peer closed the shell in good order.
    Closed,
    /// This program cut it.
    Cut,
    /// The connection is gone; `farewell` when the peer said so itself.
    Lost { kind: ErrorKind, text: String, farewell: bool },
}

/// What the session's task may do with its socket.
pub(super) enum Leave {
    Go,
    /// Too much is unread: come back when woken.
    Hold,
    /// Stop.
    Cut,
}

impl Pipe {
    pub(super) fn new() -> Self {
        Self::of(None)
    }

    /// One of several channels of `session`.
    pub(super) fn beside(session: &Arc<Pipe>) -> Self {
        Self::of(Some(Arc::clone(session)))
    }

    fn of(session: Option<Arc<Pipe>>) -> Self {
        Self { state: Mutex::default(), session, full: AtomicUsize::new(0), members: OnceLock::new() }
    }

    /// Says whose session this is.
    pub(super) fn shared_by(&self, members: &Arc<Members>) {
        let _ = self.members.set(Arc::downgrade(members));
    }

    /// Whose session this is, when it has several channels.
    pub(super) fn members(&self) -> Option<Arc<Members>> {
        self.members.get()?.upgrade()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what arrived. Never waits; the reader hears of it from [`Pipe::announce`], before the task next waits.
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut state = self.state();
        if self.session.is_some() && state.end.is_some() {
            // Nobody reads it, or nothing may come any more; and the others go on.
            return;
        }
        state.unread.extend_from_slice(bytes);
        if let Some(session) = &self.session
            && !state.counted
            && state.unread.len() >= UNREAD_LIMIT
        {
            state.counted = true;
            session.full.fetch_add(1, Ordering::Relaxed);
        }
        // Of several channels nobody announces the news later.
        let now = self.session.is_some() || state.unread.len() >= PROMPTLY;
        let reader = if now { state.reader.take() } else { None };
        drop(state);
        wake(reader);
    }

    /// Wakes the reader if there is something to read. To be called whenever the session's task is about to wait.
    pub(super) fn announce(&self) {
        let mut state = self.state();
        let reader = if state.unread.is_empty() { None } else { state.reader.take() };
        drop(state);
        wake(reader);
    }

    /// Moves everything unread into `into`, which must be empty; `Ready(Ok(false))` at the end of a closed session.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        if into.capacity() > KEPT_CAPACITY {
            *into = Vec::new();
        }
        let _replaced;
        let mut state = self.state();
        if matches!(state.end, Some(End::Cut)) {
            return Poll::Ready(Err(End::Cut.into()));
        }
        if !state.unread.is_empty() {
            std::mem::swap(&mut state.unread, into);
            let session = if std::mem::take(&mut state.held_back) { state.session.take() } else { None };
            let counted = std::mem::take(&mut state.counted);
            drop(state);
            wake(session);
            self.no_longer_full(counted);
            return Poll::Ready(Ok(true));
        }
        match &state.end {
            Some(End::Closed) => Poll::Ready(Ok(false)),
            Some(end) => Poll::Ready(Err(end.clone().into())),
            None => {
                _replaced = remember(&mut state.reader, cx);
                Poll::Pending
            }
        }
    }

    /// Whether the session's task may read from its socket; remembers whom to wake when that changes.
    pub(super) fn leave_to_read(&self, cx: &mut Context<'_>) -> Leave {
        let _replaced;
        let mut state = self.state();
        _replaced = remember(&mut state.session, cx);
        if matches!(state.end, Some(End::Cut)) {
            return Leave::Cut;
        }
        // After the waker is in its place: whoever counts down from here on wakes it.
        state.held_back = state.unread.len() >= UNREAD_LIMIT || self.full.load(Ordering::Acquire) > 0;
        if state.held_back { Leave::Hold } else { Leave::Go }
    }

    /// Whether the session's task may write to its socket; remembers whom to wake when that changes.
    pub(super) fn leave_to_write(&self, cx: &mut Context<'_>) -> Leave {
        let _replaced;
        let mut state = self.state();
        _replaced = remember(&mut state.session, cx);
        if matches!(state.end, Some(End::Cut)) { Leave::Cut } else { Leave::Go }
    }

    /// Notes that the server took our login.
    pub(super) fn logged_in(&self) {
        self.state().logged_in = true;
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.state().logged_in
    }

    /// The socket is held back at this moment.
    pub(super) fn is_held_back(&self) -> bool {
        self.state().held_back
    }

    /// Notes how the session ended, unless that is known already. A cut always counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        let mut counted = false;
        if matches!(end, End::Cut) {
            // Nobody will read it, and a line that is kept somewhere need not keep it.
            state.unread = Vec::new();
            counted = std::mem::take(&mut state.counted);
            state.end = Some(end);
        } else {
            state.end.get_or_insert(end);
        }
        let wakers = [state.reader.take(), state.writer.take(), state.session.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
        self.no_longer_full(counted);
    }

    /// Ends a channel that has too much unread, so that the others of its session go on. What is unread can still be read.
    pub(super) fn evict(&self) {
        let counted = std::mem::take(&mut self.state().counted);
        if counted {
            let text = format!(
                "the device sent more than {} KiB that nobody read, and others wait behind it",
                UNREAD_LIMIT / 1024
            );
            self.end(End::Lost { kind: ErrorKind::Overflow, text, farewell: false });
            self.no_longer_full(true);
        }
    }

    /// Lets the session's task read on, when this channel was what held it back.
    fn no_longer_full(&self, counted: bool) {
        if let (true, Some(session)) = (counted, &self.session) {
            session.full.fetch_sub(1, Ordering::Release);
            let waker = session.state().session.take();
            wake(waker);
        }
    }

    /// Waits for the end, for somebody who would like to write.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _replaced;
        let mut state = self.state();
        if state.end.is_some() {
            return Poll::Ready(());
        }
        _replaced = remember(&mut state.writer, cx);
        Poll::Pending
    }

    /// How it ended, when it did.
    pub(super) fn ended(&self) -> Option<End> {
        self.state().end.clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().end.is_none()
    }

    /// The session's task is gone, and its socket with it.
    pub(super) fn finish(&self) {
        self.end(End::Lost {
            kind: ErrorKind::Disconnected,
            text: "the connection is gone".to_owned(),
            farewell: false,
        });
        let mut state = self.state();
        state.finished = true;
        let closer = state.closer.take();
        drop(state);
        wake(closer);
    }

    /// Waits until the session's task is gone.
    pub(super) fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _replaced;
        let mut state = self.state();
        if state.finished {
            return Poll::Ready(());
        }
        _replaced = remember(&mut state.closer, cx);
        Poll::Pending
    }

    #[cfg(test)]
    pub(super) fn unread(&self) -> usize {
        self.state().unread.len()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let counted = std::mem::take(&mut self.state().counted);
        self.no_longer_full(counted);
    }
}

impl From<End> for Error {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Error::new(ErrorKind::Disconnected, "the device closed the session"),
            End::Cut => Error::new(ErrorKind::NotConnected, "the session was closed by this program"),
            End::Lost { kind, text, .. } => Error::new(kind, text),
        }
    }
}

impl From<End> for io::Error {
    fn from(end: End) -> Self {
        let kind = match end {
            End::Closed => io::ErrorKind::BrokenPipe,
            End::Cut => io::ErrorKind::ConnectionAborted,
            End::Lost { .. } => io::ErrorKind::ConnectionReset,
        };
        io::Error::new(kind, Error::from(end))
    }
}

/// Puts the caller's waker into `slot`. The one that was there is returned, to be dropped once the lock is free:
/// what dropping a waker runs is not ours to know.
fn remember(slot: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => slot.replace(cx.waker().clone()),
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
