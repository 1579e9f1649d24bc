//! What can be set on a session, and on one command.

use std::time::Duration;

use crate::cli::{Interaction, Platform};
use crate::{Error, ErrorKind, Result, SessionLog, Target};

/// What can be set on a session beyond its [`Target`].
///
/// The same by name among [`Target::arguments`]: `max_output`, `line_end` (`cr`, `lf`, `crlf`), `disconnect_timeout`
/// (seconds), `session_log` (a file), and for Telnet `raw` (`true` for a console line over bare TCP) and `console`
/// (`true` for one behind Telnet).
///
/// ```
/// use conn_share::{SessionOptions, Target, TelnetConnection};
///
/// let options = SessionOptions::new().raw(true).max_output(1 << 20);
/// let console = TelnetConnection::with_options(&Target::new("terminal-server.example").port(2003), options)?;
/// # Ok::<(), conn_share::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SessionOptions {
    pub(crate) platform: Option<Platform>,
    pub(crate) max_output: Option<usize>,
    pub(crate) line_end: Option<String>,
    pub(crate) disconnect_timeout: Option<Duration>,
    pub(crate) raw: bool,
    pub(crate) console: bool,
    pub(crate) log: Option<SessionLog>,
}

impl SessionOptions {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A platform of your own; it goes before [`Target::platform`].
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// The longest answer, in bytes; a longer one is [`ErrorKind::Overflow`]. Default 64 MiB: more than the
    /// longest routing tables, and a flood of it fits a small machine.
    #[must_use]
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = Some(bytes);
        self
    }

    /// What ends a line. Default: `\n` over SSH, `\r\n` over Telnet (RFC 854), `\r` on a console line, as the Enter key
    /// sends it.
    #[must_use]
    pub fn line_end(mut self, line_end: impl Into<String>) -> Self {
        self.line_end = Some(line_end.into());
        self
    }

    /// How long `disconnect` waits for the running call before it cuts the transport under it. Default 5 s: a
    /// `show` command ends in that time, and a program that wants to end does not hang.
    #[must_use]
    pub fn disconnect_timeout(mut self, limit: Duration) -> Self {
        self.disconnect_timeout = Some(limit);
        self
    }

    /// A console line over bare TCP, as terminal servers offer it: no Telnet, and silent until a key is pressed. Telnet
    /// only.
    #[must_use]
    pub fn raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// A console line behind Telnet (RFC 2217 ports are), silent until a key is pressed and left by its last user
    /// anywhere: what was typed half is wiped, the session is woken, and a line that stays mute is [`ErrorKind::Busy`].
    /// [`SessionOptions::raw`] implies it. Telnet only.
    #[must_use]
    pub fn console(mut self, console: bool) -> Self {
        self.console = console;
        self
    }

    /// Whether the line is a console.
    pub(crate) fn is_console(&self) -> bool {
        self.raw || self.console
    }

    /// Logs what is sent and received, without the secrets; it goes before [`Target::log`]. Default: no log.
    #[must_use]
    pub fn log(mut self, log: SessionLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Fills what is not set from the target's arguments.
    pub(crate) fn with_arguments(mut self, target: &Target) -> Result<Self> {
        let wrong =
            |name: &str, wanted: &str| Error::new(ErrorKind::Config, format!("argument `{name}` must be {wanted}"));
        for (name, value) in &target.arguments {
            match name.as_str() {
                "max_output" => {
                    let bytes = value.parse().map_err(|_| wrong(name, "a number of bytes"))?;
                    self.max_output.get_or_insert(bytes);
                }
                "line_end" => {
                    let end = match value.as_str() {
                        "cr" => "\r",
                        "lf" => "\n",
                        "crlf" => "\r\n",
                        _ => return Err(wrong(name, "`cr`, `lf` or `crlf`")),
                    };
                    self.line_end.get_or_insert(end.to_owned());
                }
                "disconnect_timeout" => {
                    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                    self.disconnect_timeout.get_or_insert(seconds.ok_or_else(|| wrong(name, "a number of seconds"))?);
                }
                "raw" | "console" => {
                    let yes = value.parse::<bool>().map_err(|_| wrong(name, "`true` or `false`"))?;
                    *(if name == "raw" { &mut self.raw } else { &mut self.console }) |= yes;
                }
                "session_log" if self.log.is_none() && target.log.is_none() => {
                    self.log = Some(SessionLog::file(value)?)
                }
                // Others belong to the transports, which know them by name.
                _ => {}
            }
        }
        Ok(self)
    }
}

/// What one command needs beyond its text.
///
/// ```
/// use std::time::Duration;
///
/// use conn_share::{Connection, ExecuteOptions, Interaction, Target, TelnetConnection};
///
/// # #[cfg(feature = "sim")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> conn_share::Result<()> {
/// # let router = conn_share::sim::Router::builder().user("admin", "pw").enable("secret").start().await.expect("loopback");
/// # let target = Target::new("127.0.0.1").port(router.telnet_addr().port()).password("pw").platform("frr");
/// # let console = TelnetConnection::new(&target)?;
/// # console.connect().await?;
/// let options = ExecuteOptions::new()
///     .timeout(Duration::from_secs(5))
///     .interaction(Interaction::line("Password:", "secret"));
/// console.execute_with("enable", &options).await?;
/// assert_eq!(console.execute("show version").await?.mode(), "enable");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sim"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExecuteOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) prompt: Option<String>,
    pub(crate) interactions: Vec<Interaction>,
}

impl ExecuteOptions {
    /// As for a plain `execute`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds this command, reconnecting and resynchronising included, in place of the connection's own limit.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::{ExecuteOptions, Reply, Result, SshConnection};
    ///
    /// async fn everything(router: &SshConnection) -> Result<Reply> {
    ///     router.execute_with("show tech-support", &ExecuteOptions::new().timeout(Duration::from_secs(600))).await
    /// }
    /// ```
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The answer ends with a prompt that ends like this, not like those of the platform: a changed host name, a shell
    /// within the shell.
    ///
    /// ```
    /// use conn_share::{Connection, ExecuteOptions, Reply, Result, SshConnection};
    ///
    /// async fn version_of_a_database(host: &SshConnection) -> Result<Reply> {
    ///     host.execute_with("sqlite3", &ExecuteOptions::new().prompt("sqlite> ")).await?;
    ///     let version = host.execute_with("select sqlite_version();", &ExecuteOptions::new().prompt("sqlite> ")).await?;
    ///     host.execute(".exit").await?;
    ///     Ok(version)
    /// }
    /// ```
    #[must_use]
    pub fn prompt(mut self, end: impl Into<String>) -> Self {
        self.prompt = Some(end.into());
        self
    }

    /// Answers a question of the command, once. Several are answered in whichever order they are asked.
    #[must_use]
    pub fn interaction(mut self, interaction: Interaction) -> Self {
        self.interactions.push(interaction);
        self
    }
}
