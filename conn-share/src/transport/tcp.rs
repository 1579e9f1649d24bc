//! Opens TCP connections.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "ssh")]
use std::pin::Pin;
#[cfg(feature = "ssh")]
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
#[cfg(feature = "ssh")]
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};

use super::printable;
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result};

/// A silent peer is probed after this long, this often and this many times: a half-open one is found within 30 s.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// What we sent stays unacknowledged for no longer than this; probes are not sent while it does.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Connects to the first address of `host` that answers, with Nagle's delay off and keepalive on.
///
/// Each address gets its share of what is left, so that one which swallows packets does not starve the next.
///
/// # Cancel safety
///
/// The attempt is given up and its socket closed.
pub(super) async fn dial(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream> {
    if host.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the target has no host"));
    }
    let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(unreachable(format!("the name \"{}\" does not resolve", printable(host)), error)),
    };
    let mut failure = None;
    for (at, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = deadline.remaining().map_or(Deadline::NEVER, |rest| Deadline::after(rest / left));
        // The last one's share is all that is left, and its caller keeps that limit.
        let share = if left == 1 { Deadline::NEVER } else { share };
        match share.bound(TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream).map_err(|error| unreachable(format!("{address} hung up"), error))?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = Some(unreachable(format!("{address} cannot be reached"), error)),
            Err(_) => failure = Some(Error::new(ErrorKind::Unreachable, format!("{address} does not answer"))),
        }
    }
    Err(failure.unwrap_or_else(|| Error::new(ErrorKind::Unreachable, "the name has no address")))
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

/// A connection whose first reads are acknowledged at once.
///
/// A server that writes two small pieces in a row without switching Nagle's delay off, as OpenSSH's does up to the
/// shell, sends the second when the first is acknowledged, and the kernel takes its 40 ms for that unless told
/// otherwise. It forgets having been told as soon as something is sent, so it is told again after each read.
#[cfg(feature = "ssh")]
pub(super) struct QuickStart {
    stream: TcpStream,
    /// Reads still to come that are acknowledged at once: several times what a login takes.
    left: u32,
}

#[cfg(feature = "ssh")]
impl QuickStart {
    /// A login is over in about 20 reads, a slow and chatty one in twice as many.
    const READS: u32 = 64;

    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, left: Self::READS }
    }

    #[cfg(target_os = "linux")]
    fn acknowledge(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            // Not to be had is no loss but time.
            let _ = SockRef::from(&self.stream).set_tcp_quickack(true);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn acknowledge(&mut self) {
        self.left = 0;
    }
}

#[cfg(feature = "ssh")]
impl AsyncRead for QuickStart {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        self.acknowledge();
        Poll::Ready(read)
    }
}

#[cfg(feature = "ssh")]
impl AsyncWrite for QuickStart {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn unreachable(text: String, error: io::Error) -> Error {
    Error::new(ErrorKind::Unreachable, text).with_source(error)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_half_open_peer_would_be_found_in_the_stated_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = dial("localhost", port, Deadline::after(Duration::from_secs(10))).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            let silence = socket.tcp_keepalive_time().unwrap();
            let probing = socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
            assert_eq!(silence + probing, Duration::from_secs(30));
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
        }
    }

    #[tokio::test]
    async fn a_target_without_a_host_is_a_mistake_of_the_configuration() {
        assert_eq!(dial("", 23, Deadline::NEVER).await.unwrap_err().kind(), ErrorKind::Config);
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_unreachable() {
        // Longer than a name may be, so that nobody is asked for it.
        let error = dial(&"\x1b".repeat(300), 23, Deadline::NEVER).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(!error.to_string().contains('\x1b'), "{error}");
    }
}
