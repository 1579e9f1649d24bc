//! Telnet connections, and console lines over bare TCP.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod protocol;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use self::protocol::{EndlessSubnegotiation, Protocol};
use super::leash::{Leash, Party};
use super::{Line, Transport, tcp};
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result, Target};

const DEFAULT_PORT: u16 = 23;

/// Bytes waiting to go out beyond which writes wait.
const OUTGOING_LIMIT: usize = 32 * 1024;

/// Bytes waiting to go out beyond which a peer is asking more than it takes answers to.
const ANSWERS_LIMIT: usize = 64 * 1024;

/// So many bytes of answers within a second are asked for by nobody who means them: a login needs a few dozen.
const ANSWERS_A_SECOND: usize = 16 * 1024;

/// So many reads are made at once while a write waits.
const AHEAD_READS: usize = 64;

/// So many reads in a row that bring no data, and others on the thread get their turn.
const EMPTY_READS: usize = 8;

/// One write takes so much at once.
const PIECE: usize = 8 * 1024;

/// Bytes taken in while a write waits; a peer that is still stuck then waits for the reader.
const AHEAD_LIMIT: usize = 256 * 1024;

/// Opens a Telnet connection. It logs nobody in: the session does that by reading and writing.
///
/// # Errors
///
/// `Config` without a host, `Unreachable`, and `Timeout`.
///
/// # Cancel safety
///
/// The attempt is given up and its socket closed.
pub(crate) async fn open(target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>> {
    let stream = dial(target, target.port.unwrap_or(DEFAULT_PORT), deadline).await?;
    Ok(Box::new(Telnet::over(Leash::socket(stream))))
}

/// Opens a console line over TCP without any protocol: what is written goes out as it is. Needs a port.
///
/// # Errors
///
/// `Config` without a host or port, `Unreachable`, and `Timeout`.
///
/// # Cancel safety
///
/// The attempt is given up and its socket closed.
pub(crate) async fn raw(target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>> {
    let Some(port) = target.port else {
        let error = Error::new(ErrorKind::Config, "a console line over TCP needs a port");
        return Err(error.with_device(&target.name));
    };
    let stream = dial(target, port, deadline).await?;
    Ok(Box::new(Leash::socket(stream)))
}

/// A Telnet connection over a peer that is played.
#[cfg(test)]
pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Box<dyn Transport> {
    Box::new(Telnet::over(Leash::new(stream)))
}

async fn dial(target: &Target, port: u16, deadline: Deadline) -> Result<TcpStream> {
    const PHASE: &str = "connecting";
    let named = target.arguments.get("proxy_jump").filter(|named| !named.eq_ignore_ascii_case("none"));
    if let Some(way) = target.jump.as_ref().map(|jump| &jump.name).or(named) {
        // Straight there would be another way than the one that was asked for.
        let text = format!("the target is to be reached through {way:?}, which Telnet cannot do");
        return Err(Error::new(ErrorKind::Config, text).with_device(&target.name));
    }
    let limit = deadline.remaining().unwrap_or_default();
    let dialled = deadline.bound(tcp::dial(&target.host, port, deadline)).await;
    let dialled = dialled.unwrap_or_else(|_| Err(Error::timeout(PHASE, limit)));
    dialled.map_err(|error| error.with_phase(PHASE).with_device(&target.name))
}

/// A Telnet connection over any stream.
///
/// What is written, and our answers to negotiation, queue up in one buffer that reads and writes both drive. While a
/// write waits for room, arriving bytes are taken in up to a limit, so that a peer which waits for its reader before
/// it reads on is not stuck.
struct Telnet<S> {
    stream: Leash<S>,
    protocol: Protocol,
    outgoing: Vec<u8>,
    sent: usize,
    ahead: Vec<u8>,
    taken: usize,
    /// Bytes of answers that were asked for since then.
    answered: (Option<Instant>, usize),
}

impl<S> Telnet<S> {
    fn over(stream: Leash<S>) -> Self {
        let (outgoing, ahead) = (Vec::new(), Vec::new());
        Self { stream, protocol: Protocol::new(), outgoing, sent: 0, ahead, taken: 0, answered: (None, 0) }
    }

    fn waiting(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Takes the protocol out of what was read, and queues the answers.
    fn decode(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let kept = self
            .protocol
            .receive(bytes)
            .map_err(|EndlessSubnegotiation| broken("the device began a telnet subnegotiation and does not end it"))?;
        let before = self.outgoing.len();
        self.protocol.take_answers(&mut self.outgoing);
        if self.waiting() > ANSWERS_LIMIT {
            return Err(broken("the device asks for telnet options without end and takes no answers"));
        }
        self.count(self.outgoing.len() - before)?;
        Ok(kept)
    }

    /// A peer that changes its mind without end is no session, however well it listens.
    fn count(&mut self, answers: usize) -> io::Result<()> {
        if answers == 0 {
            return Ok(());
        }
        let (since, sum) = &mut self.answered;
        let now = Instant::now();
        if since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            (*since, *sum) = (Some(now), 0);
        }
        *sum += answers;
        if *sum > ANSWERS_A_SECOND {
            return Err(broken("the device changes telnet options without end"));
        }
        Ok(())
    }

    /// Hands out what was taken in ahead; false when there is nothing.
    fn serve(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let waiting = self.ahead.get(self.taken..).unwrap_or_default();
        let (now, rest) = waiting.split_at(waiting.len().min(buf.remaining()));
        buf.put_slice(now);
        let served = !now.is_empty();
        self.taken += now.len();
        if rest.is_empty() {
            (self.ahead, self.taken) = (Vec::new(), 0);
        }
        served
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Telnet<S> {
    /// Sends what waits; ready when nothing does.
    fn poll_send(&mut self, party: Party, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.outgoing.get(self.sent..)
            && !rest.is_empty()
        {
            match ready!(self.stream.poll_write_as(party, cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes in what has arrived while a write waits.
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut bytes = [0; 4096];
        for _ in 0..AHEAD_READS {
            if self.ahead.len() - self.taken >= AHEAD_LIMIT {
                return Ok(());
            }
            let mut buf = ReadBuf::new(&mut bytes);
            // An end or a failure shows again in the next read or write.
            let Poll::Ready(Ok(())) = self.stream.poll_read_as(Party::Writer, cx, &mut buf) else { return Ok(()) };
            let read = buf.filled().len();
            let Some(arrived) = bytes.get_mut(..read).filter(|arrived| !arrived.is_empty()) else { return Ok(()) };
            let kept = self.decode(arrived)?;
            self.ahead.extend_from_slice(arrived.get(..kept).unwrap_or_default());
        }
        // There may be more, and nobody would say so again.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Sends what waits on behalf of a writer, which takes in what arrives meanwhile.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(done) = self.poll_send(Party::Writer, cx) {
            return Poll::Ready(done);
        }
        self.read_ahead(cx)?;
        // Reading may have queued answers, and taking them may have made room.
        self.poll_send(Party::Writer, cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Telnet<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.serve(buf) || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..EMPTY_READS {
            // A failure to send shows when the caller writes; there may be something left to read.
            let _ = this.poll_send(Party::Reader, cx);
            let room = buf.initialize_unfilled();
            let mut arriving = ReadBuf::new(room);
            ready!(this.stream.poll_read_as(Party::Reader, cx, &mut arriving))?;
            let read = arriving.filled().len();
            let Some(arrived) = room.get_mut(..read).filter(|arrived| !arrived.is_empty()) else {
                return Poll::Ready(Ok(()));
            };
            let kept = this.decode(arrived)?;
            if kept > 0 {
                buf.advance(kept);
                let _ = this.poll_send(Party::Reader, cx);
                return Poll::Ready(Ok(()));
            }
        }
        // Commands alone, and perhaps more of them: whoever waits is to see its clock in between.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Telnet<S> {
    /// Takes a line whole: a carriage return and the line feed after it belong in one write.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        if this.waiting() >= OUTGOING_LIMIT {
            return Poll::Pending;
        }
        let (piece, _) = data.split_at(piece_of(data));
        this.protocol.send(piece, &mut this.outgoing);
        match this.poll_send(Party::Writer, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(piece.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for Telnet<S> {
    fn line(&self) -> Arc<dyn Line> {
        self.stream.life()
    }
}

/// How much of `data` one write takes, never parting a carriage return from what follows it.
fn piece_of(data: &[u8]) -> usize {
    if data.len() <= PIECE {
        return data.len();
    }
    match data.get(PIECE - 1) {
        Some(b'\r') => PIECE - 1,
        _ => PIECE,
    }
}

fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Error::new(ErrorKind::Protocol, text))
}

#[cfg(test)]
mod tests;
