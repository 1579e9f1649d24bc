//! The way to the device, as a transport that can be cut.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::transport::{Line, Transport};

/// Our end of the pipe.
pub(super) struct Pipe {
    stream: DuplexStream,
    line: Arc<PipeLine>,
}

impl Pipe {
    pub(super) fn over(stream: DuplexStream) -> Self {
        Self { stream, line: Arc::default() }
    }
}

#[derive(Default)]
struct PipeLine {
    cut: AtomicBool,
    waker: Mutex<Option<std::task::Waker>>,
}

impl Line for PipeLine {
    fn is_open(&self) -> bool {
        !self.cut.load(Ordering::Relaxed)
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
        if let Some(waker) = self.waker.lock().expect("not poisoned").take() {
            waker.wake();
        }
    }
}

impl Transport for Pipe {
    fn line(&self) -> Arc<dyn Line> {
        self.line.clone()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        *self.line.waker.lock().expect("not poisoned") = Some(cx.waker().clone());
        if !self.line.is_open() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(poll, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            self.line.cut.store(true, Ordering::Relaxed);
        }
        poll
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
