//! Commands over Telnet, and over console lines on bare TCP ports.

use std::sync::Arc;

use async_trait::async_trait;

use super::link::{Life, Link, Opener, Opening, SessionStatus};
use super::session::{ExecuteOptions, SessionOptions};
use super::{BoxedSection, Connection, ConnectionClass, OnLine};
use crate::deadline::Deadline;
use crate::transport::telnet;
use crate::{ConnLock, Lockable, Reply, Result, Target, locked};

/// A device's command line over Telnet, or a console line over bare TCP ([`SessionOptions::raw`]) or behind Telnet
/// ([`SessionOptions::console`]).
///
/// Calls from many tasks run one at a time, first come first served, and re-enter along a call chain. The session stays
/// in step: what a call that was cut off left behind is read to its proven end before the next call sends anything, or
/// a new session is opened.
///
/// ```no_run
/// use conn_share::{Connection, TelnetConnection, Target};
///
/// # async fn example() -> conn_share::Result<()> {
/// let router = TelnetConnection::new(&Target::new("192.0.2.1").password("zebra").enable("secret").platform("frr"))?;
/// router.connect().await?;
/// println!("{}", router.execute("show ip route").await?);
/// router.disconnect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Lockable)]
#[lockable(recover = Self::note_interruption, crate = crate)]
pub struct TelnetConnection {
    lock: ConnLock<Link>,
    life: Arc<Life>,
}

impl TelnetConnection {
    /// A connection to `target`, unconnected.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unknown platform or an argument that makes no sense.
    pub fn new(target: &Target) -> Result<Self> {
        Self::with_options(target, SessionOptions::new())
    }

    /// As [`TelnetConnection::new`], with more set.
    ///
    /// # Errors
    ///
    /// As [`TelnetConnection::new`].
    pub fn with_options(target: &Target, options: SessionOptions) -> Result<Self> {
        let options = options.with_arguments(target)?;
        let (to, raw) = (target.clone(), options.raw);
        // As the Enter key of a terminal sends it; Telnet's own line end would be two on some serial lines.
        let line_end = if options.is_console() { "\r" } else { "\r\n" };
        let opener = Arc::new(move |deadline| -> Opening {
            let to = to.clone();
            Box::pin(
                async move { if raw { telnet::raw(&to, deadline).await } else { telnet::open(&to, deadline).await } },
            )
        });
        Self::over(target, options, line_end, opener)
    }

    pub(crate) fn over(target: &Target, options: SessionOptions, line_end: &str, opener: Opener) -> Result<Self> {
        let link = Link::new(target, options, line_end, opener)?;
        Ok(Self { life: link.life(), lock: ConnLock::new(link) })
    }

    /// How often the session had to be brought back since this value was made. Never waits.
    pub fn status(&self) -> SessionStatus {
        self.life.status()
    }

    /// A call was cut off. The session marked itself before its first byte went out, so that the next call brings it back
    /// within that call's own deadline; there is nothing to do here that would not need a deadline of its own.
    async fn note_interruption(&self) {}
}

#[locked(crate = crate)]
impl TelnetConnection {
    /// Runs one command with its own limit, expected prompt, or answers to its questions.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`].
    ///
    /// # Cancel safety
    ///
    /// The command may have run, and its output is lost; no later call sees any of it.
    pub async fn execute_with(&self, command: &str, options: &ExecuteOptions) -> Result<Reply> {
        self.lock.state().execute(command, options).await
    }

    /// Runs one command as [`Connection::execute_lines`], with its own limit, expected prompt, or answers to its questions.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`].
    ///
    /// # Cancel safety
    ///
    /// The command may have run, and the lines not handed out are lost; no later call sees any of them.
    pub async fn execute_lines_with(
        &self,
        command: &str,
        options: &ExecuteOptions,
        on_line: OnLine<'_>,
    ) -> Result<Reply> {
        self.lock.state().execute_lines(command, options, on_line).await
    }

    async fn close(&self, deadline: Deadline) -> Result<()> {
        self.lock.state().disconnect(deadline).await;
        Ok(())
    }
}

#[locked(crate = crate)]
#[async_trait]
impl Connection for TelnetConnection {
    async fn connect(&self) -> Result<()> {
        self.lock.state().connect().await
    }

    #[unlocked]
    async fn disconnect(&self) -> Result<()> {
        let limit = self.life.disconnect_timeout;
        if let Ok(done) = Deadline::after(limit).bound(self.close(Deadline::after(limit))).await {
            return done;
        }
        // The running call finds its transport gone and ends, those in line are refused, and this one gets its turn. A
        // section that is busy with something else keeps the lock, and nothing but a dead session.
        self.life.cut();
        Deadline::after(limit).bound(self.close(Deadline::after(limit))).await.unwrap_or(Ok(()))
    }

    fn is_connected(&self) -> bool {
        self.life.is_open()
    }

    async fn send(&self, text: &str) -> Result<()> {
        let chain = self.lock.core().holding();
        self.lock.state().send(text, chain).await
    }

    async fn receive(&self) -> Result<String> {
        let chain = self.lock.core().holding();
        self.lock.state().receive(chain).await
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        self.lock.state().execute(command, &ExecuteOptions::default()).await
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        self.lock.state().execute_lines(command, &ExecuteOptions::default(), on_line).await
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        self.lock.state().configure(config).await
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        section.await;
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.lock.state().reset().await
    }

    fn needs_reset(&self) -> bool {
        self.life.needs_reset()
    }
}

impl ConnectionClass for TelnetConnection {
    fn from_target(target: &Target) -> Result<Self> {
        Self::new(target)
    }
}
