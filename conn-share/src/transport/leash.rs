//! A stream that can be ended from outside.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::socket::{Socket, hung_up};
use super::{Line, Transport};
use crate::{Error, ErrorKind};

/// A stream and the life that it shares with its [`Line`]. Over a [`Socket`] it is a console line: bytes as they are.
pub(super) struct Leash<S> {
    stream: S,
    life: Arc<Life>,
    /// Wakes whoever waits, reader or writer. The stream below is polled with this alone, so it does not matter on
    /// whose behalf it was polled last.
    waker: Waker,
}

/// Who waits for the stream. A writer also reads when it would otherwise wait for ever for a peer that waits for it.
#[derive(Clone, Copy)]
pub(super) enum Party {
    Reader,
    Writer,
}

struct Life {
    state: Mutex<State>,
    /// For a look at the socket without a read; weak, so that a line kept somewhere does not keep it open.
    socket: Weak<TcpStream>,
}

#[derive(Default)]
struct State {
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Lost(io::ErrorKind),
    Cut,
}

impl Leash<Socket> {
    pub(super) fn socket(stream: TcpStream) -> Self {
        let stream = Arc::new(stream);
        let watched = Arc::downgrade(&stream);
        Self::watching(Socket::new(stream), watched)
    }
}

impl<S> Leash<S> {
    fn watching(stream: S, socket: Weak<TcpStream>) -> Self {
        let life = Arc::new(Life { state: Mutex::default(), socket });
        let waker = Waker::from(Arc::clone(&life));
        Self { stream, life, waker }
    }

    #[cfg(test)]
    pub(super) fn new(stream: S) -> Self {
        Self::watching(stream, Weak::new())
    }

    pub(super) fn life(&self) -> Arc<dyn Line> {
        Arc::clone(&self.life) as Arc<dyn Line>
    }

    /// Polls the stream on behalf of `party`, unless it was cut.
    fn poll_as<T>(
        &mut self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.life.register(party, cx)?;
        let done = poll(&mut self.stream, &mut Context::from_waker(&self.waker));
        done.map_err(|error| self.life.lost(&error))
    }

    /// Reads, and wakes `party` when there is more.
    pub(super) fn poll_read_as(
        &mut self,
        party: Party,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: AsyncRead + Unpin,
    {
        let before = buf.filled().len();
        let done = self.poll_as(party, cx, |stream, cx| Pin::new(stream).poll_read(cx, buf));
        if let Poll::Ready(Ok(())) = done
            && buf.filled().len() == before
            && buf.remaining() > 0
        {
            self.life.end(End::Closed);
        }
        done
    }

    /// Writes, and wakes `party` when there is room.
    pub(super) fn poll_write_as(&mut self, party: Party, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>
    where
        S: AsyncWrite + Unpin,
    {
        self.poll_as(party, cx, |stream, cx| Pin::new(stream).poll_write(cx, data))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Leash<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_read_as(Party::Reader, cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Leash<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_as(Party::Writer, cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_as(Party::Writer, cx, |stream, cx| Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_as(Party::Writer, cx, |stream, cx| Pin::new(stream).poll_shutdown(cx))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for Leash<S> {
    fn line(&self) -> Arc<dyn Line> {
        self.life()
    }
}

impl Life {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whom to wake; fails when the stream was cut.
    fn register(&self, party: Party, cx: &Context<'_>) -> io::Result<()> {
        // Dropped once the lock is free: what dropping a waker runs is not ours to know.
        let _replaced;
        let mut state = self.state();
        if state.end == Some(End::Cut) {
            return Err(End::Cut.into());
        }
        let slot = match party {
            Party::Reader => &mut state.reader,
            Party::Writer => &mut state.writer,
        };
        _replaced = match slot {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => slot.replace(cx.waker().clone()),
        };
        Ok(())
    }

    /// Notes the end, unless there was one already; a cut always counts.
    fn end(&self, end: End) {
        let mut state = self.state();
        if state.end.is_none() || end == End::Cut {
            state.end = Some(end);
        }
    }

    fn lost(&self, error: &io::Error) -> io::Error {
        let end = End::Lost(error.kind());
        self.end(end);
        end.into()
    }
}

impl Line for Life {
    /// Asks the socket too: a peer that went away while nobody read is noticed here.
    fn is_open(&self) -> bool {
        if self.state().end.is_some() {
            return false;
        }
        match self.socket.upgrade().map(|socket| hung_up(&socket)) {
            Some(Some(Ok(()))) => self.end(End::Closed),
            Some(Some(Err(error))) => self.end(End::Lost(error.kind())),
            Some(None) | None => {}
        }
        self.state().end.is_none()
    }

    fn cut(&self) {
        self.end(End::Cut);
        self.wake_both();
    }
}

impl Life {
    fn wake_both(&self) {
        let mut state = self.state();
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Wake for Life {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_both();
    }
}

impl From<End> for io::Error {
    fn from(end: End) -> Self {
        let gone = |text| Error::new(ErrorKind::Disconnected, text);
        match end {
            End::Closed => io::Error::new(io::ErrorKind::BrokenPipe, gone("the device closed the connection")),
            End::Lost(kind @ io::ErrorKind::TimedOut) => io::Error::new(kind, gone("the device stopped answering")),
            End::Lost(kind) => io::Error::new(kind, gone("the connection broke").with_source(io::Error::from(kind))),
            End::Cut => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                Error::new(ErrorKind::NotConnected, "the session was closed by this program"),
            ),
        }
    }
}
