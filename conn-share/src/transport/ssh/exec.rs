//! Commands on channels of their own: what an ordinary host runs without a terminal.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use russh::{ChannelMsg, ChannelReadHalf};

use super::carrier::{Carrier, Seat};
use super::members::Members;
use super::pipe::End;
use super::settings::Settings;
use super::{Attempt, lost};
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result, Target};

/// Standard input goes out in pieces of this size, as far as the server's window allows.
const PIECE: usize = 32 * 1024;

/// A logged-in session that runs commands side by side.
pub(crate) struct ExecSession {
    carrier: Arc<Carrier>,
}

/// What a command left behind.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u32>,
    pub(crate) signal: Option<String>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Where the output of a running command goes. Filled by the session's task, which never waits for its reader.
pub(super) struct Run(Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Outcome,
    /// Bytes that may still come.
    left: usize,
    overflown: bool,
    end: Option<End>,
    waiting: Option<Waker>,
}

impl Run {
    fn new(limit: usize) -> Self {
        Self(Mutex::new(State { left: limit, ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let waker = state.waiting.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes output; false when it is more than was asked for.
    pub(super) fn push(&self, bytes: &[u8], is_error: bool) -> bool {
        let mut state = self.state();
        if state.overflown {
            return false;
        }
        let Some(left) = state.left.checked_sub(bytes.len()) else {
            state.overflown = true;
            state.outcome = Outcome::default();
            drop(state);
            self.end(End::Closed);
            return false;
        };
        state.left = left;
        let output = if is_error { &mut state.outcome.stderr } else { &mut state.outcome.stdout };
        output.extend_from_slice(bytes);
        true
    }

    pub(super) fn exited(&self, status: u32) {
        self.state().outcome.status = Some(status);
    }

    pub(super) fn killed(&self, signal: String) {
        self.state().outcome.signal = Some(signal);
    }

    /// The channel is closed, or its session gone.
    pub(super) fn end(&self, end: End) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<(Outcome, bool, End)> {
        let mut state = self.state();
        match &state.end {
            Some(end) => {
                let end = end.clone();
                Poll::Ready((std::mem::take(&mut state.outcome), state.overflown, end))
            }
            None => {
                state.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl ExecSession {
    /// Logs in.
    pub(crate) async fn open(target: &Target, deadline: Deadline) -> Result<Self> {
        let attempt = Attempt::new(target, deadline);
        let connecting = async {
            let settings = attempt.phase(super::READING_CONFIGURATION, Settings::of(target)).await?;
            let carrier = attempt.carrier(&settings, &settings.jumps).await?;
            Ok(Self { carrier })
        };
        connecting.await.map_err(|error: Error| error.with_device(&target.name))
    }

    /// Over a session that is open already.
    #[cfg(test)]
    pub(super) fn over(carrier: Arc<Carrier>) -> Self {
        Self { carrier }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.carrier.is_open()
    }

    /// Ends the session under whoever is using it.
    pub(crate) fn cut(&self) {
        self.carrier.pipe().end(End::Cut);
    }

    /// Runs one command to its end. Dropped, its channel is closed, which ends most commands; others are not affected.
    pub(crate) async fn run(&self, command: &str, stdin: Option<&[u8]>, limit: usize) -> Result<Outcome> {
        let place = self.carrier.reserve(usize::MAX);
        let place = place.ok_or_else(|| Error::new(ErrorKind::Busy, "too many commands at once"))?;
        let failed = |error| lost(error, self.carrier.pipe());
        let mut seat = place.session_channel().await.map_err(failed)?;
        let run = Arc::new(Run::new(limit));
        let _entered = Entered::new(&self.carrier, &seat, &run);
        let mut answers = seat.answers().ok_or_else(|| failed(russh::Error::Disconnect))?;
        let channel = seat.requests().ok_or_else(|| failed(russh::Error::Disconnect))?;
        channel.exec(true, command).await.map_err(failed)?;
        // From here on it may be running.
        if !accepted(&mut answers).await.map_err(|error| failed(error).with_sent(true))? {
            return Err(Error::new(ErrorKind::Refused, "the device does not run single commands (no exec channel)"));
        }
        // What is not read would stop the session.
        drop(answers);
        let ended = poll_fn(|cx| run.poll_ended(cx));
        // Whether the command reads its input or not, its end counts.
        let (outcome, overflown, end) = tokio::select! {
            biased;
            ended = ended => ended,
            sent = feed(&seat, stdin.unwrap_or_default()) => match sent {
                Ok(()) => poll_fn(|cx| run.poll_ended(cx)).await,
                Err(error) => match poll_fn(|cx| Poll::Ready(run.poll_ended(cx))).await {
                    Poll::Ready(ended) => ended,
                    Poll::Pending => return Err(failed(error).with_sent(true)),
                },
            },
        };
        if overflown {
            return Err(Error::new(
                ErrorKind::Overflow,
                format!("the output is longer than the limit of {limit} bytes"),
            )
            .with_sent(true));
        }
        match end {
            End::Closed => Ok(outcome),
            lost => Err(Error::from(lost).with_sent(true)),
        }
    }
}

/// The command's channel among the session's, as long as it is run.
struct Entered<'a>(&'a Members, russh::ChannelId);

impl<'a> Entered<'a> {
    fn new(carrier: &'a Carrier, seat: &Seat, run: &Arc<Run>) -> Self {
        carrier.members().run(seat.id(), run);
        Self(carrier.members(), seat.id())
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

async fn accepted(answers: &mut ChannelReadHalf) -> Result<bool, russh::Error> {
    loop {
        match answers.wait().await {
            Some(ChannelMsg::Success) => return Ok(true),
            Some(ChannelMsg::Failure) => return Ok(false),
            Some(ChannelMsg::Close) | None => return Err(russh::Error::Disconnect),
            // Output that is already coming goes through the handler.
            Some(_) => {}
        }
    }
}

async fn feed(seat: &Seat, stdin: &[u8]) -> Result<(), russh::Error> {
    let channel = seat.requests().ok_or(russh::Error::Disconnect)?;
    for piece in stdin.chunks(PIECE) {
        channel.data_bytes(piece.to_vec()).await?;
    }
    channel.eof().await
}
