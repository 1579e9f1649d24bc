//! Single commands on ordinary hosts, with exit status and standard error.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::transport::ssh::exec::ExecSession;
use crate::{Error, ErrorKind, Result, Target};

/// A slow key exchange and a slow AAA server, each a few seconds: as for sessions.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// As for commands in sessions: long enough for most, and a dead host is noticed within a minute.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// See [`ExecCommand::max_output`].
const MAX_OUTPUT: usize = 64 << 20;

/// An SSH session that runs single commands, each on a channel of its own: for ordinary hosts and their shells.
///
/// There is no terminal and no prompt, so nothing has to be guessed: a command's output, its standard error and its
/// exit status come apart and whole. Commands run side by side, as many as the server lets (`MaxSessions`, ten with
/// OpenSSH; more are [`ErrorKind::Busy`]), and share nothing: not a folder, not a variable. Many network devices know
/// no such channel, or run one command and end the session; use [`SshConnection`](crate::SshConnection) there.
///
/// A session that is lost stays lost: [`SshExec::connect`] again. Dropping the last handle closes it.
///
/// ```no_run
/// use conn_share::{SshExec, Target};
///
/// # async fn example() -> conn_share::Result<()> {
/// let host = SshExec::connect(&Target::new("192.0.2.1").username("admin").key("id_ed25519")).await?;
/// let kernel = host.run("uname -r").await?.ok()?;
/// println!("{}", kernel.stdout_text());
/// let sorted = host.run_with("sort", &conn_share::ExecCommand::new().stdin("b\na\n")).await?;
/// assert_eq!(sorted.stdout, b"a\nb\n");
/// # Ok(())
/// # }
/// ```
pub struct SshExec {
    session: ExecSession,
    name: String,
    command_timeout: Duration,
}

impl SshExec {
    /// Logs in to `target`, within its [`Target::connect_timeout`] (default 30 s). Host keys, credentials, jump hosts
    /// and SSH configuration are those of any SSH connection; platform and enable secret mean nothing here.
    ///
    /// # Errors
    ///
    /// As [`Connection::connect`](crate::Connection::connect) of an [`SshConnection`](crate::SshConnection), up to the
    /// login.
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up and its socket closed.
    pub async fn connect(target: &Target) -> Result<Self> {
        let limit = target.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let deadline = Deadline::after(limit);
        let opened = deadline.bound(ExecSession::open(target, deadline)).await;
        let session = opened.map_err(|_| Error::timeout("connecting", limit).with_device(&target.name))??;
        let command_timeout = target.command_timeout.unwrap_or(COMMAND_TIMEOUT);
        Ok(Self { session, name: target.name.clone(), command_timeout })
    }

    /// Runs one command to its end. That it failed is no error: see [`ExecOutput::ok`].
    ///
    /// # Errors
    ///
    /// As [`SshExec::run_with`].
    ///
    /// # Cancel safety
    ///
    /// As [`SshExec::run_with`].
    pub async fn run(&self, command: &str) -> Result<ExecOutput> {
        self.run_with(command, &ExecCommand::new()).await
    }

    /// Runs one command with its own limits and input.
    ///
    /// # Errors
    ///
    /// `Timeout`, `Overflow` for more output than [`ExecCommand::max_output`], `Busy` when the server opens no further
    /// channel, `Refused` when it runs no commands, `Disconnected` when the session is lost meanwhile.
    /// [`Error::was_sent`] tells whether it may have run.
    ///
    /// # Cancel safety
    ///
    /// The command's channel is closed and its output lost; other commands are not affected. Whether the command ends
    /// is up to the host: OpenSSH's server closes its pipes, which ends those that write or read.
    pub async fn run_with(&self, command: &str, options: &ExecCommand) -> Result<ExecOutput> {
        let started = Instant::now();
        let limit = options.timeout.unwrap_or(self.command_timeout);
        let running = self.session.run(command, options.stdin.as_deref(), options.max_output.unwrap_or(MAX_OUTPUT));
        let done = match Deadline::after(limit).bound(running).await {
            Ok(done) => done,
            Err(_) => Err(Error::timeout("running the command", limit).with_sent(true)),
        };
        let outcome = done.map_err(|error| error.with_phase("running the command").with_device(&self.name))?;
        Ok(ExecOutput {
            status: outcome.status,
            signal: outcome.signal,
            stdout: outcome.stdout,
            stderr: outcome.stderr,
            elapsed: started.elapsed(),
        })
    }

    /// Whether the session is believed to be open. Never waits.
    pub fn is_connected(&self) -> bool {
        self.session.is_open()
    }

    /// Ends the session at once, under whatever runs in it. Never waits.
    pub fn disconnect(&self) {
        self.session.cut();
    }
}

impl fmt::Debug for SshExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshExec")
            .field("name", &self.name)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// What one command of [`SshExec::run_with`] needs beyond its text.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ExecCommand {
    stdin: Option<Vec<u8>>,
    timeout: Option<Duration>,
    max_output: Option<usize>,
}

impl ExecCommand {
    /// No input, and the usual limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the command reads. Default: nothing, so that a command which reads finds the end at once.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Bounds the command, in place of [`Target::command_timeout`] (default 60 s).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The most that output and standard error may come to, in bytes; more is [`ErrorKind::Overflow`], and the
    /// command's channel is closed. Default 64 MiB.
    #[must_use]
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = Some(bytes);
        self
    }
}

/// Without the input: it may hold secrets.
impl fmt::Debug for ExecCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdin = self.stdin.as_ref().map(Vec::len);
        let mut out = f.debug_struct("ExecCommand");
        out.field("stdin_bytes", &stdin).field("timeout", &self.timeout).field("max_output", &self.max_output).finish()
    }
}

/// What a command of [`SshExec`] left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecOutput {
    /// The exit status; `None` when a signal ended it, or the server does not tell.
    pub status: Option<u32>,
    /// The signal that ended it, such as `KILL`.
    pub signal: Option<String>,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
    /// From the request to the end.
    pub elapsed: Duration,
}

impl ExecOutput {
    /// Whether it ended with status 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// The output as text; what is no UTF-8 is replaced.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is no UTF-8 is replaced.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Makes a failure an error: [`ErrorKind::Refused`], with how it ended and the end of what it complained about.
    ///
    /// # Errors
    ///
    /// When it did not end with status 0.
    pub fn ok(self) -> Result<Self> {
        /// As much as an error shows.
        const SHOWN: usize = 200;
        if self.success() {
            return Ok(self);
        }
        let how = match (self.status, &self.signal) {
            (Some(status), _) => format!("with status {status}"),
            (None, Some(signal)) => format!("by signal {signal}"),
            (None, None) => "without saying how".to_owned(),
        };
        let said = self.stderr_text();
        let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let said: String = said.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Err(Error::new(ErrorKind::Refused, format!("the command ended {how}{said}")).with_sent(true))
    }
}
