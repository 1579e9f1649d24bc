//! A client's TCP connection, as its network sees it: it can be cut, go dead, or end after so many bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The life of a [`Wire`], held by those who end it from outside.
#[derive(Debug, Default)]
pub(super) struct Lifeline {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    frozen: bool,
    /// How many more bytes may be written.
    allowance: Option<u64>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Lifeline {
    /// Ends the connection; what waits on it finds it closed.
    pub(super) fn cut(&self) {
        self.change(|state| state.ended = true);
        self.ended.notify_waiters();
    }

    /// Stops all traffic, or lets it go on.
    pub(super) fn freeze(&self, frozen: bool) {
        self.change(|state| state.frozen = frozen);
    }

    /// Ends the connection when so many more bytes have been written; `None` takes the limit away.
    pub(super) fn allow(&self, bytes: Option<u64>) {
        self.change(|state| state.allowance = bytes);
        if bytes == Some(0) {
            self.cut();
        }
    }

    /// Waits for the connection's end, whoever ends it.
    pub(super) async fn ended(&self) {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if !self.state().ended {
            ended.await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP connection under a [`Lifeline`].
#[derive(Debug)]
pub(super) struct Wire {
    tcp: TcpStream,
    life: Arc<Lifeline>,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, life: Arc<Lifeline>) -> Self {
        Self { tcp, life }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        {
            let mut state = self.life.state();
            if state.ended {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
            if state.frozen {
                return Poll::Pending;
            }
        }
        let read = ready!(Pin::new(&mut self.tcp).poll_read(cx, buf));
        if read.is_err() || buf.filled().len() == before {
            self.life.cut();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut bytes = bytes;
        {
            let mut state = self.life.state();
            if state.ended {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            state.writer = Some(cx.waker().clone());
            if state.frozen {
                return Poll::Pending;
            }
            if let Some(left) = state.allowance {
                bytes = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            }
        }
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, bytes));
        let Ok(count) = written else {
            self.life.cut();
            return Poll::Ready(written);
        };
        let left = self.life.state().allowance.as_mut().map(|left| {
            *left = left.saturating_sub(count as u64);
            *left
        });
        if left == Some(0) {
            self.life.cut();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
