//! From an open transport to a session in step: login, the prompt and its proof, what the platform does on opening.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Alarm, ExecuteOptions, Fault, Session, Standing};
use crate::cli::{self, Answer, Asked, Exchange, Interaction, Known, LoginStep, Platform, Proof, QUIET, Rejected};
use crate::connection::hidden::Hidden;
use crate::deadline::Deadline;
use crate::transport::Transport;
use crate::{Error, ErrorKind, Result, Secret};

/// So long a device has to answer one kind of proof before the next is tried: several round trips by satellite.
const TRY: Duration = Duration::from_secs(3);

/// Answers to the proofs that failed may still come until a device that can give none has been silent for so long.
const LATE: Duration = Duration::from_secs(1);

/// What a login needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) platform: Arc<Platform>,
    pub(crate) username: String,
    pub(crate) password: Option<Secret>,
    pub(crate) enable: Option<Secret>,
    pub(crate) line_end: String,
    pub(crate) console: bool,
    pub(crate) max_output: usize,
    pub(crate) hidden: Hidden,
}

impl Session {
    /// Logs in over `transport`. Dropped half-way, the transport is closed.
    pub(crate) async fn open(transport: Box<dyn Transport>, login: &Login, deadline: Deadline) -> Result<Self> {
        let mut session = Self {
            transport,
            known: Known::nothing(login.platform.clone(), &login.line_end, login.max_output),
            standing: Standing::OutOfStep,
            half_written: false,
            sent: None,
            leave_for: None,
            home: String::new(),
            touched: false,
            tail: Vec::new(),
            epoch: Instant::now(),
            alarm: Alarm::default(),
            hidden: login.hidden.clone(),
            buffer: vec![0; super::wire::ROOM],
            full: false,
        };
        session.log_in(login, deadline).await.map_err(|error| error.with_phase("logging in"))?;
        session.find_proof(deadline).await.map_err(|error| error.with_phase("learning the prompt"))?;
        session.settle_in(login, deadline).await.map_err(|error| error.with_sent(false))?;
        Ok(session)
    }

    /// Up to the first line that may be a prompt.
    async fn log_in(&mut self, login: &Login, deadline: Deadline) -> Result<()> {
        let (platform, password) = (login.platform.clone(), login.password.clone());
        let mut dialogue =
            cli::Login::new(platform, &login.username, password, &login.line_end, login.console, self.now())
                .authenticated(self.transport.is_authenticated());
        let started = Instant::now();
        loop {
            let until = match dialogue.next(self.now()).map_err(|why| rejected(why, &self.hidden))? {
                LoginStep::Write(bytes) => {
                    self.write(&bytes, deadline).await?;
                    continue;
                }
                LoginStep::Prompt(line) => {
                    self.known.prompt = line;
                    return Ok(());
                }
                LoginStep::Wait(until) => until,
            };
            match self.read(until, deadline).await {
                Ok(None) => {}
                Ok(Some(read)) => {
                    let bytes = self.buffer.get(..read).unwrap_or_default();
                    dialogue.receive(bytes, self.epoch.elapsed()).map_err(|why| rejected(why, &self.hidden))?;
                }
                Err(fault) => return Err(self.login_failed(&dialogue, fault, started)),
            }
        }
    }

    /// Why no prompt came. A device that was given the password, says something and closes has most likely refused it, in
    /// words that are not known: to try again would only lock the account. One that closes without a word, is lost or
    /// goes silent may have any reason.
    fn login_failed(&self, dialogue: &cli::Login, fault: Fault, started: Instant) -> Error {
        let said = self.hidden.quote(dialogue.last_said());
        match fault {
            Fault::Wire(error) => error,
            Fault::Closed if dialogue.gave_password() && !said.is_empty() => {
                let shows = super::shows(&said);
                let text = format!("the device closed the session after the password was given{shows}");
                Error::new(ErrorKind::Authentication, text)
            }
            Fault::Closed => super::closed(&said),
            _ => super::waited(&said, started),
        }
    }

    /// Tries the platform's proofs in turn, and learns the exact prompt from the first that works.
    async fn find_proof(&mut self, deadline: Deadline) -> Result<()> {
        let platform = self.known.platform.clone();
        let quiet = [Proof::Quiet(QUIET)];
        let mut failure = None;
        for proof in platform.proofs().iter().chain(&quiet) {
            // Ahead or not, the keys are the same: what failed once need not be tried again.
            if *proof == Proof::Keys && failure.is_some() && platform.proofs().contains(&Proof::Typeahead) {
                continue;
            }
            if failure.is_some()
                && let Some(kill) = platform.kill_key()
            {
                // A device that does not know the keys of the proof before has them on its line.
                self.write(kill.as_bytes(), deadline).await?;
            }
            if failure.is_some() && matches!(proof, Proof::Quiet(_)) {
                self.drain(deadline.min(Deadline::after(TRY))).await;
            }
            self.known.proof = proof.clone();
            let exchange = if failure.is_none() {
                Exchange::first(&self.known, self.now())
            } else {
                Exchange::step(&self.known, b"", self.now())
            };
            match self
                .run(Box::new(exchange.finding()), "learning the prompt", deadline.min(Deadline::after(TRY)))
                .await
            {
                Ok(answer) => {
                    self.known.twice = answer.twice;
                    let prompt = self.hidden.quote(&self.known.prompt);
                    if matches!(proof, Proof::Quiet(_)) && failure.is_some() {
                        tracing::warn!(
                            %prompt,
                            "the device does not echo what is typed: where an answer ends is told by a pause behind its prompt, and proven by nothing"
                        );
                    }
                    tracing::debug!(?proof, %prompt, twice = answer.twice, "learnt the prompt");
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Disconnected || deadline.has_passed() => return Err(error),
                Err(error) => failure = Some(error),
            }
            // Stuck is no loss yet: the next proof may find it well.
            self.standing = Standing::OutOfStep;
        }
        Err(failure.unwrap_or_else(|| Error::new(ErrorKind::Protocol, "no prompt")))
    }

    /// Drops what still comes. A transport that fails meanwhile does so again when it is read next.
    async fn drain(&mut self, deadline: Deadline) {
        while let Ok(Some(_)) = self.read(Some(self.now() + LATE), deadline).await {}
    }

    /// Privileges, paging, and whether our line end counts twice.
    async fn settle_in(&mut self, login: &Login, deadline: Deadline) -> Result<()> {
        let platform = self.known.platform.clone();
        if self.known.line_end.len() > 1 && !matches!(self.known.proof, Proof::Quiet(_)) {
            let exchange = Exchange::command(&self.known, "", self.now());
            let tried = self.run(Box::new(exchange), "learning the prompt", deadline.min(Deadline::after(TRY))).await;
            self.known.doubles = self.or_unlearnt(tried, deadline).await?.is_some_and(|answer| answer.doubled);
        }
        if platform.learns_prompts() && !matches!(self.known.proof, Proof::Quiet(_)) {
            let tried = self.learn_above(deadline.min(Deadline::after(TRY))).await;
            self.or_unlearnt(tried, deadline).await?;
        }
        // The last user of a console line may have left it anywhere.
        if platform.configuration_mode() == Some(self.known.mode())
            && let Some(mode) = platform.privileged_mode()
        {
            self.go_to(mode, None, deadline).await?;
        }
        if let (Some(secret), Some(mode)) = (&login.enable, platform.privileged_mode()) {
            self.go_to(mode, Some(secret), deadline).await?;
        }
        for command in platform.open_commands() {
            let reply = self.execute(command, &ExecuteOptions::default(), deadline).await;
            let reply = reply.map_err(|error| error.with_phase("preparing the session"))?;
            if let Some(refusal) = reply.refused() {
                tracing::debug!(command, refusal = %self.hidden.quote(refusal), "the device refused a command of its platform");
            }
        }
        self.home = self.known.mode().to_owned();
        self.touched = false;
        Ok(())
    }

    /// What an empty line has shown. Nothing, where the device draws no prompt for one: it then proves anew that it
    /// waits at the prompt it had.
    async fn or_unlearnt<T>(&mut self, tried: Result<T>, deadline: Deadline) -> Result<Option<T>> {
        match tried {
            Err(error) if error.kind() == ErrorKind::Timeout && !deadline.has_passed() => {
                tracing::debug!(%error, "an empty line shows nothing");
                self.find_proof(deadline).await?;
                Ok(None)
            }
            tried => tried.map(Some),
        }
    }

    /// Learns whether echoes come twice, where the proof did not show it, and the lines that stand above the prompt:
    /// what a line without a command is answered by, as long as it is the same again.
    async fn learn_above(&mut self, deadline: Deadline) -> Result<()> {
        /// More is no prompt that anybody would want to see before each command.
        const LONGEST: usize = 1024;
        let mut above = [const { String::new() }; 2];
        for above in &mut above {
            let blanks = self.known.fresh_blanks();
            let exchange = Exchange::command(&self.known, &blanks, self.now()).raw();
            let answer = self.run(Box::new(exchange), "learning the prompt", deadline).await?;
            let Answer { text, prompt, twice, .. } = answer;
            self.known.twice |= twice;
            // Behind a prompt that came late its echo was not known.
            let text = text.rsplit_once(&format!("{prompt}{blanks}\n")).map_or(text.as_str(), |(_, rest)| rest);
            // The line end counted for two.
            let halves = text.split_once(&format!("{prompt}\n")).filter(|(one, two)| self.known.doubles && one == two);
            *above = halves.map_or(text, |(one, _)| one).to_owned();
            if above.is_empty() || above.len() > LONGEST {
                return Ok(());
            }
        }
        let [above, again] = above;
        // A clock in it, or a log line that came by: it stays in the answers, as nothing tells it from output.
        if above == again {
            tracing::debug!(above = %self.hidden.quote(&above), "learnt what stands above the prompt");
            self.known.above = above;
            self.known.above_of.clone_from(&self.known.prompt);
        }
        Ok(())
    }

    /// Walks the platform's ways to `mode`.
    pub(super) async fn go_to(&mut self, mode: &str, secret: Option<&Secret>, deadline: Deadline) -> Result<()> {
        let platform = self.known.platform.clone();
        while self.known.mode() != mode {
            let from = self.known.mode().to_owned();
            let command = platform.step_towards(&from, mode).ok_or_else(|| {
                Error::new(
                    ErrorKind::Privilege,
                    format!("platform {} has no way from `{from}` to `{mode}`", platform.name()),
                )
            })?;
            let reply = self.execute(command, &answering(&platform, secret), deadline).await;
            let reply = reply.map_err(|error| match error.kind() {
                // After a few wrong secrets devices hang up.
                ErrorKind::Disconnected if secret.is_some() => Error::new(
                    ErrorKind::Privilege,
                    format!("the device closed the session during `{command}`: is the secret right?"),
                )
                .with_source(error)
                .with_phase("changing the mode"),
                _ => error.with_phase("changing the mode"),
            })?;
            if self.known.mode() == from {
                let prompt = self.known.prompt.trim();
                let mut lines = reply.lines().rev().filter(|line| !line.trim().is_empty() && line.trim() != prompt);
                let said = self.hidden.quote(reply.refused().or_else(|| lines.next()).unwrap_or_default().trim());
                return Err(Error::new(
                    ErrorKind::Privilege,
                    format!("the device stays in mode `{from}` after `{command}`: {said}"),
                )
                .with_phase("changing the mode"));
            }
        }
        Ok(())
    }

    /// Back to how opening left it. The mode is told by the prompt, which is proven; of the rest only what was sent tells.
    pub(crate) async fn reset(&mut self, login: &Login, deadline: Deadline) -> Result<()> {
        let home = self.home.clone();
        self.go_to(&home, login.enable.as_ref(), deadline).await?;
        if self.touched {
            for command in self.known.platform.clone().open_commands() {
                self.execute(command, &ExecuteOptions::default(), deadline).await?;
            }
            self.touched = false;
        }
        Ok(())
    }
}

/// Answers what `platform` may ask on the way. A secret is given once, and nothing when it is asked for again: devices
/// give up after three wrong ones.
pub(super) fn answering(platform: &Platform, secret: Option<&Secret>) -> ExecuteOptions {
    let mut options = ExecuteOptions::new();
    for question in platform.questions() {
        options = options.interaction(Interaction::line(&question.end, question.answer.as_str()));
    }
    if let Some(secret) = secret {
        let again = std::iter::repeat_with(|| Interaction::line("assword:", "")).take(4);
        options = options.interaction(Interaction::line("assword:", secret.clone()));
        options.interactions.extend(again);
    }
    options
}

fn rejected(rejected: Rejected, hidden: &Hidden) -> Error {
    match rejected {
        Rejected::Credentials(said) => {
            Error::new(ErrorKind::Authentication, format!("the device refused the login: {}", hidden.quote(&said)))
        }
        Rejected::Missing(Asked::Username) => {
            Error::new(ErrorKind::Authentication, "the device asks for a user name, and none is given")
        }
        Rejected::Missing(Asked::Password) => {
            Error::new(ErrorKind::Authentication, "the device asks for a password, and none is given")
        }
        Rejected::Busy(said) => Error::new(ErrorKind::Busy, format!("the line is in use: {}", hidden.quote(&said))),
        Rejected::Mute => Error::new(ErrorKind::Busy, "connected, but the line is mute: somebody else may be using it"),
        Rejected::Overflow => Error::new(ErrorKind::Overflow, "the device sent more than a banner before its prompt"),
    }
}
