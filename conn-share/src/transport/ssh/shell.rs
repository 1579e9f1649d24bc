//! An open SSH channel as a byte stream: a shell, or a connection through a jump host.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use russh::client::Handle;
use russh::{ChannelId, Disconnect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::carrier::Seat;
use super::events::Events;
use super::pipe::{End, Pipe};
use crate::transport::{Line, Transport};

/// Bytes handed to the session's task at once; at most one such piece waits for it.
const PIECE: usize = 16 * 1024;

/// Cuts the session when dropped, so that its task and its socket go too, at whatever point that is.
pub(super) struct Lifeline(Arc<Pipe>);

impl Lifeline {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self(pipe)
    }

    pub(super) fn pipe(&self) -> &Pipe {
        &self.0
    }

    pub(super) fn shared_pipe(&self) -> Arc<Pipe> {
        Arc::clone(&self.0)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.0.end(End::Cut);
    }
}

/// The channel.
pub(super) struct Shell {
    pipe: Arc<Pipe>,
    hold: Hold,
    handle: Arc<Handle<Events>>,
    channel: ChannelId,
    arrived: Vec<u8>,
    read: usize,
    sending: Option<Task>,
    leaving: Option<Task>,
}

/// What ends when the channel does.
enum Hold {
    /// The session, of which it is the only channel.
    Session { _life: Lifeline },
    /// A seat in a session that others use, too.
    Seat(Seat),
}

/// Hands a message to the session's task; false when it is gone.
type Task = Pin<Box<dyn Future<Output = bool> + Send>>;

impl Shell {
    pub(super) fn new(life: Lifeline, handle: Handle<Events>, channel: ChannelId) -> Self {
        Self::with(life.shared_pipe(), Hold::Session { _life: life }, Arc::new(handle), channel)
    }

    /// A channel beside others.
    pub(super) fn seated(mut seat: Seat) -> Self {
        // Nobody reads the answers to requests any more, and what is not read would stop the session.
        drop(seat.answers());
        let (id, handle) = (seat.id(), seat.handle());
        Self::with(seat.carrier().members().stream(id), Hold::Seat(seat), handle, id)
    }

    fn with(pipe: Arc<Pipe>, hold: Hold, handle: Arc<Handle<Events>>, channel: ChannelId) -> Self {
        Self { pipe, hold, handle, channel, arrived: Vec::new(), read: 0, sending: None, leaving: None }
    }

    fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }

    #[cfg(test)]
    pub(super) fn unread(&self) -> usize {
        self.pipe().unread()
    }

    /// Drives what could not be handed over at once.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sending) = &mut self.sending else { return Poll::Ready(Ok(())) };
        let taken = match sending.as_mut().poll(cx) {
            Poll::Ready(taken) => taken,
            // Whoever waits for a window is not told that its channel is gone.
            Poll::Pending => {
                ready!(self.pipe.poll_ended(cx));
                false
            }
        };
        self.sending = None;
        Poll::Ready(if taken { Ok(()) } else { Err(self.gone()) })
    }

    fn gone(&self) -> io::Error {
        self.pipe().ended().unwrap_or(End::Closed).into()
    }
}

impl AsyncRead for Shell {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // What was written goes out while the caller only reads. A failure shows when it writes; what the device
        // said before can still be read.
        let _ = this.poll_sent(cx);
        if this.read == this.arrived.len() {
            this.arrived.clear();
            this.read = 0;
            if !ready!(this.pipe.poll_take(cx, &mut this.arrived))? {
                return Poll::Ready(Ok(()));
            }
        }
        let waiting = this.arrived.get(this.read..).unwrap_or_default();
        let (now, _) = waiting.split_at(waiting.len().min(buf.remaining()));
        buf.put_slice(now);
        this.read += now.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Shell {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        if !this.pipe().is_open() {
            return Poll::Ready(Err(this.gone()));
        }
        let piece = data.get(..data.len().min(PIECE)).unwrap_or_default();
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.sending = match &this.hold {
            Hold::Session { .. } => {
                // There is nearly always room, and then nothing needs to be kept.
                match pin!(this.handle.data(this.channel, piece.to_vec())).poll(cx) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(piece.len())),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(this.gone())),
                    Poll::Pending => {}
                }
                let (handle, channel, kept) = (Arc::clone(&this.handle), this.channel, piece.to_vec());
                Some(Box::pin(async move { handle.data(channel, kept).await.is_ok() }))
            }
            // Within the channel's window: as long as russh keeps what is beyond one, it takes nothing for the others
            // either, not even the request to close that one.
            Hold::Seat(seat) => {
                let Some(channel) = seat.requests().map(Arc::clone) else { return Poll::Ready(Err(this.gone())) };
                let kept = piece.to_vec();
                Some(Box::pin(async move { channel.data_bytes(kept).await.is_ok() }))
            }
        };
        match this.poll_sent(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(piece.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_sent(cx)
    }

    /// Says goodbye and waits until the socket is closed. A channel among others is closed without a wait.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.pipe().ended().is_some_and(|end| !matches!(end, End::Closed)) {
            return Poll::Ready(Ok(()));
        }
        if let Hold::Seat(seat) = &mut this.hold {
            // Its keeper closes it; russh does not tell when the peer has confirmed that.
            seat.close();
            this.pipe.end(End::Closed);
            return Poll::Ready(Ok(()));
        }
        let handle = &this.handle;
        let leaving = this.leaving.get_or_insert_with(|| {
            let handle = Arc::clone(handle);
            Box::pin(async move {
                let taken = handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok();
                if taken {
                    // Asked once; the session's task ends by itself now.
                    std::future::pending::<()>().await;
                }
                taken
            })
        });
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        this.pipe.poll_finished(cx).map(Ok)
    }
}

impl Transport for Shell {
    fn line(&self) -> Arc<dyn Line> {
        Arc::clone(self.pipe()) as Arc<dyn Line>
    }

    fn is_authenticated(&self) -> bool {
        true
    }
}

impl Line for Pipe {
    fn is_open(&self) -> bool {
        Pipe::is_open(self)
    }

    fn cut(&self) {
        self.end(End::Cut);
    }
}
