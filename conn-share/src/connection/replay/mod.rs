//! A connection that plays a recording back.

mod recording;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::link::platform_of;
use super::session::check;
use super::{BoxedSection, Connection, ConnectionClass};
use crate::cli::{HIDDEN, Platform, Said};
use crate::{ConnLock, Error, ErrorKind, Lockable, Reply, Result, Target, locked};

pub use recording::Recording;

/// A connection without a device: it answers from a [`Recording`], for tests of programs that talk to devices.
///
/// Each command is answered as it was when it was recorded; one that was recorded several times gives its answers in
/// turn, and the last of them from then on. A command that was not recorded is an error of kind [`ErrorKind::Usage`]
/// that says so and names those that were. With [`ReplayConnection::in_order`] commands have to come as they were
/// recorded, each once.
///
/// `configure` needs its lines recorded, `send` and `receive` the lines that are sent. Modes and refusals are told by
/// the platform. There is no timing: answers are there at once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> conn_share::Result<()> {
/// use conn_share::{Connection, Recording, ReplayConnection};
///
/// let recording = Recording::parse(r"< r1#
/// > show clock\n
/// < show clock\r\n12:00:00 UTC\r\nr1#
/// ")?;
/// let router = ReplayConnection::new(recording);
/// router.connect().await?;
/// assert_eq!(router.execute("show clock").await?, "12:00:00 UTC");
/// assert!(router.execute("show version").await.is_err());
/// # Ok(()) }
/// ```
///
/// Under a device it is the class for the protocol `replay`, also in a testbed file: `protocol: replay`, any `ip`, and
/// under `arguments` the `recording`, a file (`recording_of: r1` takes only the sessions of that name from a log of
/// many; `in_order: true`).
#[derive(Debug, Lockable)]
#[lockable(accept_interrupted, crate = crate)]
pub struct ReplayConnection {
    lock: ConnLock<Tape>,
    open: AtomicBool,
    name: String,
    platform: Arc<Platform>,
}

/// The state behind a connection's lock, the recording and how far it was played; named nowhere else.
#[derive(Debug, Default)]
pub struct Tape {
    recording: Recording,
    in_order: bool,
    /// The next turn, in order.
    next: usize,
    /// How often each command was asked.
    asked: HashMap<String, usize>,
    /// What was sent raw by one chain of calls, answered.
    pending: Option<(u64, Vec<String>)>,
}

impl ReplayConnection {
    /// Plays `recording` of a device of the platform `generic`; unconnected.
    pub fn new(recording: Recording) -> Self {
        Self {
            lock: ConnLock::new(Tape { recording, ..Tape::default() }),
            open: AtomicBool::new(false),
            name: "replay".to_owned(),
            platform: Arc::new(Platform::generic()),
        }
    }

    /// The platform of the device that was recorded: by it prompts are known, pagers, and the lines above a prompt that
    /// are no output, and by it modes and refusals are told. Default: `generic`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> conn_share::Result<()> {
    /// use conn_share::{Connection, Platform, Recording, ReplayConnection};
    ///
    /// let recording = Recording::parse(r"< r1#
    /// > shw version\n
    /// < shw version\r\n% Unknown command: shw version\r\nr1#
    /// ")?;
    /// let frr = Platform::named("frr").expect("built in");
    /// let router = ReplayConnection::new(recording).platform(frr);
    /// router.connect().await?;
    /// let reply = router.execute("shw version").await?;
    /// assert_eq!(reply.refused(), Some("% Unknown command: shw version"));
    /// assert_eq!(reply.mode(), "enable");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn platform(mut self, platform: impl Into<Arc<Platform>>) -> Self {
        self.platform = platform.into();
        self.lock.get_mut().recording.read_as(&self.platform);
        self
    }

    /// Commands have to come in the order of the recording, each once. What the platform itself sends, to open a
    /// session or to change modes, may be left out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> conn_share::Result<()> {
    /// use conn_share::{Connection, Recording, ReplayConnection};
    ///
    /// let recording = Recording::parse(r"< r1#
    /// > show clock\n
    /// < show clock\r\n12:00\r\nr1#
    /// > show users\n
    /// < show users\r\nr1#
    /// ")?;
    /// let router = ReplayConnection::new(recording).in_order();
    /// router.connect().await?;
    /// assert!(router.execute("show users").await.is_err()); // not yet
    /// assert_eq!(router.execute("show clock").await?, "12:00");
    /// assert_eq!(router.execute("show users").await?, "");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.lock.get_mut().in_order = true;
        self
    }

    fn reply(&self, said: Said) -> Reply {
        let mode = self.platform.mode_of(&said.prompt).unwrap_or_default().to_owned();
        let refusal = self.platform.refusal_in(&said.text).map(str::to_owned);
        Reply::new(said.text).with_mode(mode).with_refusal(refusal)
    }

    /// What was said to `command`.
    fn play(&self, tape: &mut Tape, command: &str) -> Result<Said> {
        check(command)?;
        if !self.is_connected() {
            return Err(Error::new(ErrorKind::NotConnected, "not connected; call `connect` first"));
        }
        if tape.in_order { tape.next(command, &self.platform) } else { tape.find(command) }
    }

    fn told(&self, error: Error) -> Error {
        error.with_device(&self.name)
    }
}

impl Tape {
    fn next(&mut self, command: &str, platform: &Platform) -> Result<Said> {
        for (at, said) in self.recording.said.iter().enumerate().skip(self.next) {
            if answers(said, command) {
                self.next = at + 1;
                return Ok(said.clone());
            }
            if !platform.sends_itself(&said.command) {
                let text =
                    format!("{} was asked, and the recording goes on with {}", quoted(command), quoted(&said.command));
                return Err(Error::new(ErrorKind::Usage, text));
            }
        }
        Err(Error::new(ErrorKind::Usage, format!("{} was asked, and the recording is over", quoted(command))))
    }

    fn find(&mut self, command: &str) -> Result<Said> {
        let recorded: Vec<&Said> = self.recording.said.iter().filter(|said| answers(said, command)).collect();
        let asked = self.asked.entry(command.to_owned()).or_default();
        let said = recorded.get(*asked).or(recorded.last()).copied().cloned();
        *asked += 1;
        said.ok_or_else(|| {
            let mut known: Vec<String> = Vec::new();
            for command in self.recording.commands().map(quoted) {
                if !known.contains(&command) {
                    known.push(command);
                }
            }
            let more = known.len().saturating_sub(MENTIONED);
            known.truncate(MENTIONED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let text = format!("{} was not recorded; recorded are {}{more}", quoted(command), known.join(", "));
            Error::new(ErrorKind::Usage, text)
        })
    }
}

/// So many commands fit into an error.
const MENTIONED: usize = 20;

fn quoted(command: &str) -> String {
    format!("`{}`", crate::secret::shown(command))
}

/// Whether this was said to `command`; a secret that the recording hides may be any.
fn answers(said: &Said, command: &str) -> bool {
    match said.command.split_once(HIDDEN) {
        None => said.command.trim_end() == command.trim_end(),
        Some((before, after)) => command.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
    }
}

#[locked(crate = crate)]
#[async_trait]
impl Connection for ReplayConnection {
    async fn connect(&self) -> Result<()> {
        self.open.store(true, Ordering::Relaxed);
        Ok(())
    }

    #[unlocked]
    async fn disconnect(&self) -> Result<()> {
        self.open.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    async fn send(&self, text: &str) -> Result<()> {
        let chain = self.lock.core().holding();
        let mut tape = self.lock.state();
        let said = self.play(&mut tape, text).map_err(|error| self.told(error))?;
        match &mut tape.pending {
            Some((by, answers)) if *by == chain => answers.push(said.text),
            other => *other = Some((chain, vec![said.text])),
        }
        Ok(())
    }

    async fn receive(&self) -> Result<String> {
        let chain = self.lock.core().holding();
        let answers = self.lock.state().pending.take_if(|(by, _)| *by == chain);
        answers.map(|(_, answers)| answers.join("\n")).ok_or_else(|| {
            let text =
                "nothing was sent by this chain of calls since the last proven prompt, so there is nothing to receive";
            self.told(Error::new(ErrorKind::OutOfStep, text))
        })
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        let mut tape = self.lock.state();
        tape.pending = None;
        self.play(&mut tape, command).map(|said| self.reply(said)).map_err(|error| self.told(error))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        let mut tape = self.lock.state();
        tape.pending = None;
        let lines: Vec<&str> = config.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let mut text = Vec::new();
        for (done, line) in lines.iter().enumerate() {
            let said = self.play(&mut tape, line).map_err(|error| self.told(error))?;
            let reply = self.reply(said);
            if let Some(refusal) =
                reply.refused().or_else(|| reply.lines().find(|said| said.trim_start().starts_with('%')))
            {
                let refusal: String = refusal.chars().flat_map(char::escape_debug).collect();
                let text = format!("line {} of {} was refused, {}: {refusal}", done + 1, lines.len(), quoted(line));
                return Err(self.told(Error::new(ErrorKind::Refused, text).with_sent(true).with_phase("configuring")));
            }
            if !reply.is_empty() {
                text.push(reply.into_text());
            }
        }
        Ok(Reply::new(text.join("\n")))
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        section.await;
        Ok(())
    }
}

impl ConnectionClass for ReplayConnection {
    /// Reads the file that the argument `recording` names.
    fn from_target(target: &Target) -> Result<Self> {
        let argument = |name: &str| target.arguments.get(name);
        let file = argument("recording").ok_or_else(|| {
            Error::new(ErrorKind::Config, "argument `recording` must name a file: that is what is played back")
        })?;
        let recording = Recording::load_of(file, argument("recording_of").map_or("", String::as_str))?;
        let replay = Self { name: target.name.clone(), ..Self::new(recording) }.platform(platform_of(target)?);
        match argument("in_order").map(String::as_str) {
            Some("true") => Ok(replay.in_order()),
            None | Some("false") => Ok(replay),
            Some(_) => Err(Error::new(ErrorKind::Config, "argument `in_order` must be `true` or `false`")),
        }
    }
}
