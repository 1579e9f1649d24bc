//! Reading and writing under a deadline, with the marks that a cut leaves.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadBuf};

use super::{Fault, Session, Standing};
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result};

/// Room for what one read brings: most answers fit, and most sessions are idle.
pub(super) const ROOM: usize = 4 * 1024;

/// Room while an answer is longer; a transport seldom has more at once.
const MOST_ROOM: usize = 32 * 1024;

impl Session {
    /// Writes all of `bytes`. The marks are set before the first of them is.
    pub(super) async fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<()> {
        if self.standing != Standing::Lost {
            self.standing = Standing::OutOfStep;
        }
        self.half_written = true;
        let transport = &mut self.transport;
        let write = async {
            transport.write_all(bytes).await?;
            transport.flush().await
        };
        match deadline.bound(write).await {
            Ok(Ok(())) => {
                self.half_written = false;
                Ok(())
            }
            Ok(Err(error)) => Err(self.lose(error)),
            Err(_) => Err(Error::new(ErrorKind::Timeout, "the peer takes no more bytes")),
        }
    }

    /// Reads what there is into the buffer; `None` when nothing came until the engine's time `until`.
    pub(super) async fn read(&mut self, until: Option<Duration>, deadline: Deadline) -> Result<Option<usize>, Fault> {
        // A peer that never pauses never lets a timer run out.
        if deadline.has_passed() {
            return Err(Fault::Timeout);
        }
        // Nor does one whose bytes lie ready in memory let others on the thread have their turn.
        tokio::task::consume_budget().await;
        let until = until.and_then(|until| self.epoch.checked_add(until));
        let wake = match (until, deadline.instant()) {
            (Some(until), Some(deadline)) => Some(until.min(deadline)),
            (until, deadline) => until.or(deadline),
        };
        if std::mem::take(&mut self.full) && self.buffer.len() < MOST_ROOM {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let (transport, alarm) = (&mut self.transport, &mut self.alarm);
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let result = poll_fn(|cx| match (Pin::new(&mut **transport).poll_read(cx, &mut buffer), wake) {
            (Poll::Ready(result), _) => Poll::Ready(Some(result)),
            (Poll::Pending, Some(at)) => alarm.poll_at(at, cx).map(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        });
        let result = match result.await {
            Some(result) => result.map(|()| buffer.filled().len()),
            None if deadline.has_passed() => return Err(Fault::Timeout),
            None => return Ok(None),
        };
        match result {
            Ok(0) => {
                self.standing = Standing::Lost;
                Err(Fault::Closed)
            }
            Ok(read) => {
                self.keep_tail(read);
                self.full = read == self.buffer.len();
                Ok(Some(read))
            }
            Err(error) => Err(Fault::Wire(self.lose(error))),
        }
    }

    fn keep_tail(&mut self, read: usize) {
        const TAIL: usize = 512;
        let new = self.buffer.get(read.saturating_sub(TAIL)..read).unwrap_or_default();
        let old = (self.tail.len() + new.len()).saturating_sub(TAIL).min(self.tail.len());
        self.tail.drain(..old);
        self.tail.extend_from_slice(new);
    }

    /// The transport failed: says why, as far as it knows.
    fn lose(&mut self, error: io::Error) -> Error {
        self.standing = Standing::Lost;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return super::closed("");
        }
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::new(ErrorKind::Disconnected, "the session was lost").with_source(error),
        }
    }

    /// Says goodbye and closes, as far as the deadline allows.
    pub(crate) async fn close(mut self, deadline: Deadline) {
        if self.standing == Standing::InStep {
            for command in self.known.platform.close_commands().to_vec() {
                let line = format!("{command}{}", self.known.line_end);
                if self.write(line.as_bytes(), deadline).await.is_err() {
                    break;
                }
            }
        }
        // Whether the peer took note of it makes no difference any more.
        let _ = deadline.bound(self.transport.shutdown()).await;
    }
}
