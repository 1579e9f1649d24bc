//! A session on a device's command line: one exchange at a time, and in step.
//!
//! The session counts as out of step from before the first byte of an exchange is written until its end is proven. Whatever
//! cuts an exchange off, a timeout, a dropped future or a panic, leaves that mark behind, and the next user first
//! brings the session back ([`Session::resync`]) or learns that it cannot be. Nothing else clears the mark.

mod alarm;
mod configure;
mod open;
mod options;
mod wire;

use std::sync::Arc;

use tokio::time::Instant;

use super::OnLine;
use super::hidden::Hidden;
use crate::cli::{Answer, Exchange, Known, Proof, Step};
use crate::deadline::Deadline;
use crate::transport::{Line, Transport};
use crate::{Error, ErrorKind, Reply, Result};

use alarm::Alarm;
pub(crate) use open::Login;
pub use options::{ExecuteOptions, SessionOptions};

/// The phase in which an answer is awaited.
const AWAITED: &str = "waiting for the prompt";

/// After so many bytes others on the thread get to run, timers among them: what always has more to say would keep a
/// caller's timeout from firing. Some milliseconds' work, and nothing beside it.
const SHARE: usize = 256 << 10;

/// An open session.
pub(crate) struct Session {
    transport: Box<dyn Transport>,
    known: Known,
    standing: Standing,
    /// Part of a write did not go out: the device has the start of a line that nobody finishes.
    half_written: bool,
    /// What was first sent raw, and by which chain of calls.
    sent: Option<(u64, String)>,
    /// A configuration was cut off: the mode to go back to.
    leave_for: Option<String>,
    /// The mode that opening ended in.
    home: String,
    /// Something was sent since then, or since the last reset, that may have changed more than the mode.
    touched: bool,
    /// The last bytes that came since the last proof: a question may stand in them.
    tail: Vec<u8>,
    /// From here the engine counts its time.
    epoch: Instant,
    alarm: Alarm,
    /// Grows with a long answer, and is small again behind it.
    buffer: Vec<u8>,
    /// What no error and no event shows.
    hidden: Hidden,
    /// The last read filled the buffer.
    full: bool,
}

/// How much is known of where the device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It waits for a command, proven.
    InStep,
    /// An exchange is under way or was cut off.
    OutOfStep,
    /// The transport is gone, or the device never came back.
    Lost,
}

impl Session {
    /// Whether the device is proven to wait for a command.
    pub(crate) fn is_in_step(&self) -> bool {
        self.standing == Standing::InStep
    }

    /// Whether only a new connection can help.
    pub(crate) fn is_lost(&self) -> bool {
        self.standing == Standing::Lost || !self.transport.line().is_open()
    }

    pub(crate) fn line(&self) -> Arc<dyn Line> {
        self.transport.line()
    }

    /// Runs one command and returns its whole answer.
    ///
    /// Dropped half-way, the session is out of step; the command may have run.
    pub(crate) async fn execute(
        &mut self,
        command: &str,
        options: &ExecuteOptions,
        deadline: Deadline,
    ) -> Result<Reply> {
        let exchange = self.command(command, options)?;
        let started = Instant::now();
        let answer = self.run(Box::new(exchange), AWAITED, deadline).await?;
        let refusal = self.known.platform.refusal_in(&answer.text).map(str::to_owned);
        Ok(Reply::new(answer.text).with_elapsed(started.elapsed()).with_mode(self.known.mode()).with_refusal(refusal))
    }

    /// As [`Session::execute`]; the lines of the answer go to `on_line` while they come, and the reply has no text.
    pub(crate) async fn execute_lines(
        &mut self,
        command: &str,
        options: &ExecuteOptions,
        on_line: OnLine<'_>,
        deadline: Deadline,
    ) -> Result<Reply> {
        let exchange = self.command(command, options)?.in_lines();
        let started = Instant::now();
        let answer = self.run_lines(Box::new(exchange), AWAITED, on_line, deadline).await?;
        let refusal = self.known.platform.refusal_in(&answer.text).map(str::to_owned);
        Ok(Reply::new("").with_elapsed(started.elapsed()).with_mode(self.known.mode()).with_refusal(refusal))
    }

    /// The exchange that runs `command`, and the note that it may change what a reset puts back.
    fn command(&mut self, command: &str, options: &ExecuteOptions) -> Result<Exchange> {
        check(command)?;
        self.hidden.learn(command);
        // What answers a question may be anything.
        self.touched |= !options.interactions.is_empty() || !self.known.platform.is_harmless(command);
        Ok(Exchange::command(&self.known, command, self.now())
            .expecting(options.prompt.clone())
            .interacting(options.interactions.clone())
            .ahead())
    }

    /// Writes `text` and a line end for the chain of calls `chain`.
    pub(crate) async fn send(&mut self, text: &str, chain: u64, deadline: Deadline) -> Result<()> {
        check(text)?;
        self.hidden.learn(text);
        self.touched = true;
        // The echo of the first line is the one that the answers begin with.
        if !self.has_sent(chain) {
            self.sent = Some((chain, text.to_owned()));
        }
        let line = format!("{text}{}", self.known.line_end);
        self.write(line.as_bytes(), deadline).await.map_err(|error| error.with_phase("sending").with_sent(true))
    }

    /// Whether `chain` has sent something and not received since.
    pub(crate) fn has_sent(&self, chain: u64) -> bool {
        self.sent.as_ref().is_some_and(|(by, _)| *by == chain)
    }

    /// Whether `chain` may send another line behind those it sent: none of them went out half.
    pub(crate) fn takes_more_from(&self, chain: u64) -> bool {
        self.has_sent(chain) && !self.half_written && !self.is_lost()
    }

    /// Reads what came after the raw lines that `chain` sent, up to a proven prompt.
    pub(crate) async fn receive(&mut self, chain: u64, deadline: Deadline) -> Result<String> {
        let Some((_, text)) = self.sent.as_ref().filter(|(by, _)| *by == chain) else {
            return Err(Error::new(
                ErrorKind::OutOfStep,
                "nothing was sent by this chain of calls since the last proven prompt, so there is nothing to receive: \
                 call `send` and `receive` in one `exclusive` section",
            ));
        };
        let exchange = Exchange::reading(&self.known, text, self.now());
        Ok(self.run(Box::new(exchange), AWAITED, deadline).await?.text)
    }

    /// Nothing stands between the session and the next command: in step, and no configuration left half-way.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_in_step() && self.leave_for.is_none()
    }

    /// Looks whether something came since a prompt that was believed, and proven by nothing: the rest of that answer,
    /// perhaps. Then the session is lost, for nothing tells where that rest ends.
    pub(crate) async fn has_strays(&mut self) -> bool {
        let now = Some(self.now());
        let strays =
            matches!(self.known.proof, Proof::Quiet(_)) && matches!(self.read(now, Deadline::NEVER).await, Ok(Some(_)));
        if strays {
            self.standing = Standing::Lost;
        }
        strays
    }

    /// It stands as opening left it, so that a reset has nothing to do.
    pub(crate) fn is_untouched(&self) -> bool {
        self.is_ready() && !self.touched && self.known.mode() == self.home
    }

    /// Brings a session that is out of step back: drops the old answer to its end, which the device proves.
    ///
    /// # Errors
    ///
    /// The device does not come back in time; the session stays out of step, or is lost.
    pub(crate) async fn resync(&mut self, deadline: Deadline) -> Result<()> {
        const PHASE: &str = "resynchronising";
        if self.is_in_step() {
            return self.leave_configuration(deadline).await;
        }
        if matches!(self.known.proof, Proof::Quiet(_)) {
            self.standing = Standing::Lost;
            return Err(Error::new(
                ErrorKind::OutOfStep,
                "nothing that the device can do proves that the old answer is over",
            )
            .with_phase(PHASE));
        }
        if self.half_written {
            let Some(kill) = self.known.platform.kill_key().map(str::to_owned) else {
                self.standing = Standing::Lost;
                return Err(Error::new(
                    ErrorKind::OutOfStep,
                    "half a line was written, and the platform has no key to wipe it",
                )
                .with_phase(PHASE));
            };
            self.write(kill.as_bytes(), deadline).await?;
        }
        let exchange = Exchange::step(&self.known, &self.tail, self.now());
        self.run(Box::new(exchange), PHASE, deadline).await?;
        self.leave_configuration(deadline).await
    }

    /// Drives `exchange` to its proof. It is boxed, for it would be the greater part of each future that it passes through.
    async fn run(&mut self, exchange: Box<Exchange>, phase: &'static str, deadline: Deadline) -> Result<Answer> {
        self.run_lines(exchange, phase, &mut |_| (), deadline).await
    }

    /// Drives `exchange` to its proof; its lines, where it hands them out, go to `on_line`.
    async fn run_lines(
        &mut self,
        mut exchange: Box<Exchange>,
        phase: &'static str,
        on_line: OnLine<'_>,
        deadline: Deadline,
    ) -> Result<Answer> {
        self.standing = match self.standing {
            Standing::Lost => Standing::Lost,
            _ => Standing::OutOfStep,
        };
        let sent = !exchange.is_step();
        let started = Instant::now();
        self.drive(&mut exchange, on_line, deadline).await.map_err(|fault| {
            let error = match fault {
                Fault::Timeout => waited(&self.hidden.quote_line(exchange.last_said().trim()), started),
                Fault::Closed => {
                    let said = exchange.last_said();
                    let prompt = said == self.known.prompt;
                    closed(&self.hidden.quote_line(if prompt { "" } else { said.trim() }))
                }
                Fault::Stuck => {
                    self.standing = Standing::Lost;
                    Error::new(ErrorKind::OutOfStep, "the device does not come back to its prompt")
                }
                Fault::Overflow => {
                    let limit = self.known.limit;
                    Error::new(ErrorKind::Overflow, format!("the answer is longer than the limit of {limit} bytes"))
                }
                Fault::Wire(error) => error,
            };
            error.with_phase(phase).with_sent(sent)
        })?;
        let answer = (*exchange).finish_lines(on_line);
        let answer = answer.ok_or_else(|| Error::new(ErrorKind::Protocol, "an exchange ended without a proof"))?;
        self.known.prompt.clone_from(&answer.prompt);
        self.sent = None;
        self.tail.clear();
        if self.buffer.len() > wire::ROOM {
            self.buffer = vec![0; wire::ROOM];
        }
        self.standing = Standing::InStep;
        self.known.in_step();
        Ok(answer)
    }

    async fn drive(&mut self, exchange: &mut Exchange, on_line: OnLine<'_>, deadline: Deadline) -> Result<(), Fault> {
        let mut unshared = 0;
        loop {
            match exchange.next(self.now()) {
                Step::Write(bytes) => self.write(&bytes, deadline).await.map_err(Fault::Wire)?,
                Step::Done => return Ok(()),
                Step::Stuck => return Err(Fault::Stuck),
                Step::Wait(until) => {
                    let Some(read) = self.read(until, deadline).await? else { continue };
                    exchange
                        .receive(self.buffer.get(..read).unwrap_or_default(), self.now())
                        .map_err(|_| Fault::Overflow)?;
                    exchange.hand_out(on_line);
                    unshared += read;
                    if unshared > SHARE {
                        unshared = 0;
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    fn now(&self) -> std::time::Duration {
        self.epoch.elapsed()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("standing", &self.standing).field("known", &self.known).finish_non_exhaustive()
    }
}

/// What ends an exchange before its proof.
enum Fault {
    Timeout,
    Stuck,
    Overflow,
    Closed,
    Wire(Error),
}

/// The deadline came; says what the device shows meanwhile.
fn waited(last_line: &str, since: Instant) -> Error {
    Error::new(ErrorKind::Timeout, format!("no proven prompt within {:.1?}{}", since.elapsed(), shows(last_line)))
}

/// The device has closed the session; says what it said before.
fn closed(last_line: &str) -> Error {
    Error::new(ErrorKind::Disconnected, format!("the device closed the session{}", shows(last_line)))
}

/// What stands behind the text of an error: the last that a device said.
fn shows(last_line: &str) -> String {
    if last_line.trim().is_empty() { String::new() } else { format!("; its last line is `{last_line}`") }
}

/// A command is one line: a line end or a control character in it would be keys, or a second command.
pub(crate) fn check(command: &str) -> Result<()> {
    match command.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some(character) => Err(Error::new(
            ErrorKind::Usage,
            format!(
                "a command is one line without control characters, and this one contains {character:?}; use `configure` for several lines"
            ),
        )),
    }
}

#[cfg(test)]
#[path = "../session_tests/mod.rs"]
mod tests;
