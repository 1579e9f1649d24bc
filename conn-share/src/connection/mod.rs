//! What every connection to a device can do, and the ones that come with the crate.

#[cfg(feature = "ssh")]
mod exec;
mod gate;
mod hidden;
mod link;
mod log;
mod pointers;
mod replay;
mod reply;
mod session;
#[cfg(feature = "ssh")]
mod ssh;
mod target;
#[cfg(feature = "telnet")]
mod telnet;

use std::any::Any;
use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;

use crate::{Error, ErrorKind, Result};

#[cfg(feature = "ssh")]
pub use exec::{ExecCommand, ExecOutput, SshExec};
pub(crate) use gate::{Gate, LoginGate, Turn};
pub(crate) use link::DISCONNECT_TIMEOUT;
pub use link::SessionStatus;
pub use log::SessionLog;
pub use replay::{Recording, ReplayConnection};
pub use reply::Reply;
pub use session::{ExecuteOptions, SessionOptions};
#[cfg(feature = "ssh")]
pub use ssh::SshConnection;
pub use target::{Credential, Target};
#[cfg(feature = "telnet")]
pub use telnet::TelnetConnection;

/// A conversation with a device, shared between tasks.
///
/// All methods take `&self`: a connection is meant to be held in an `Arc` and called from many tasks. Those that
/// come with the crate run one call at a time, first come first served, and are re-entrant along a call chain.
/// An `Arc` or a `Box` of a connection is a connection, too.
#[async_trait]
pub trait Connection: Any + Send + Sync {
    /// Opens the connection; does nothing when it is open already.
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up and its socket closed; the connection is as unconnected as before.
    async fn connect(&self) -> Result<()>;

    /// Closes the connection: waits for the running call up to a deadline, then cuts the transport under it.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for the running call, nothing has happened. Dropped while it says goodbye, the session is
    /// closed without one. Dropped after the cut, the session is gone all the same. Calling it again is always right.
    async fn disconnect(&self) -> Result<()>;

    /// Whether the connection is believed to be open. Never waits.
    fn is_connected(&self) -> bool;

    /// Writes `text` and a line end, without waiting for an answer. For raw work inside one exclusive section.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for its turn or brings the session back, nothing was sent. After that all of the line, none of
    /// it, or its beginning may have gone out; a beginning is wiped on the device before anything else is sent.
    async fn send(&self, text: &str) -> Result<()>;

    /// Reads up to the next prompt; an error when the calling chain has not sent anything since the last one.
    ///
    /// # Cancel safety
    ///
    /// What was read so far is lost. A second `receive` of the same chain reads the rest, up to the prompt; any other
    /// call first drops the rest.
    async fn receive(&self) -> Result<String>;

    /// Runs one command and returns its whole output. It is sent at most once, whatever happens.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for its turn or brings the session back, nothing was sent. After that the command may have
    /// run, or run still, and its output is lost: no later call sees any of it.
    async fn execute(&self, command: &str) -> Result<Reply>;

    /// Runs one command and hands out its output line by line while it arrives; the reply has everything but the text.
    ///
    /// For commands that take long, and for output that need not be in memory at once: no more of it is kept than is not
    /// settled yet. `on_line` gets the lines of [`Reply::text`], one by one and without their ends: none with the echo, a
    /// prompt or a pager's question on it, none before it is complete and past being overprinted. A line that reads like a
    /// prompt comes when one follows that does not, and from a device that echoes nothing all come at the end.
    ///
    /// `on_line` runs in the calling task between two reads, so keep it short: a slow one holds the device back, and its
    /// time counts against the command's limit. To do something that waits, hand the lines to a channel. To stop half-way,
    /// drop the call.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Connection, TelnetConnection, Target, sim::Router};
    /// # let sim = Router::builder().user("admin", "pw").start().await.expect("a port");
    /// # let target = Target::new("127.0.0.1").port(sim.telnet_addr().port()).password("pw").platform("frr");
    /// # let router = TelnetConnection::new(&target)?;
    /// # router.connect().await?;
    /// let mut routes = 0;
    /// router.execute_lines("show ip route", &mut |line| routes += usize::from(line.contains(" via "))).await?.ok()?;
    /// assert!(routes > 100);
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sim"))] fn main() {}
    /// ```
    ///
    /// For implementors: the provided one calls `execute` and hands its lines out at the end.
    ///
    /// # Errors
    ///
    /// As `execute`. After some lines there may be an error: the lines were part of the answer, and not all of it.
    ///
    /// # Panics
    ///
    /// Only if `on_line` does; the call then counts as given up.
    ///
    /// # Cancel safety
    ///
    /// As `execute`: the lines that were not handed out are lost, and no later call sees any of them.
    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        let reply = self.execute(command).await?;
        if !reply.is_empty() {
            reply.split('\n').for_each(on_line);
        }
        Ok(reply.without_text())
    }

    /// Applies configuration, one command a line; stops at the first refused line and says which were applied. Where
    /// lines are a candidate (Junos, IOS XR) it commits them, all or none.
    ///
    /// Its limit is that of one command for each line, and for the ways in and out.
    ///
    /// # Cancel safety
    ///
    /// A first part of the lines may be applied, and nobody is told which. The next call first leaves the
    /// configuration mode, or opens a new session.
    async fn configure(&self, config: &str) -> Result<Reply>;

    /// Runs `section` while nobody else talks on this connection; its own calls go through.
    ///
    /// For implementors: with `#[locked]` on the `impl`, the body is `section.await; Ok(())`. The provided one refuses
    /// with [`ErrorKind::Usage`] and does not run the section.
    ///
    /// # Cancel safety
    ///
    /// The section is dropped where it stands, and what its own calls lose is lost; the others get their turn.
    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        drop(section);
        Err(Error::new(ErrorKind::Usage, "this connection class has no exclusive sections (`Connection::exclusively`)"))
    }

    /// Puts the session back as `connect` left it: mode, paging, width. A pool does so before the next caller gets
    /// the worker. The provided one does nothing, for sessions in which nothing lingers.
    ///
    /// # Cancel safety
    ///
    /// Some of it may be done. Nothing is noted: where it matters, it has to be called again.
    async fn reset(&self) -> Result<()> {
        Ok(())
    }

    /// Whether [`Connection::reset`] may have something to do. Never waits. The provided one says so always; a class
    /// that knows better spares a pool the reset after calls that left nothing behind.
    fn needs_reset(&self) -> bool {
        true
    }
}

impl fmt::Debug for dyn Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}

/// Several calls as one future, for [`Connection::exclusively`].
pub type BoxedSection<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Gets the lines of an answer one by one, without their ends, for [`Connection::execute_lines`].
pub type OnLine<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A connection class that a [`Device`](crate::Device) can make: the type given to `device.connect::<C>(..)`.
///
/// ```
/// use async_trait::async_trait;
/// use conn_share::{
///     BoxedSection, ConnLock, ConnectOptions, Connection, ConnectionClass, Device, Lockable, Path, Reply, Result, Target, locked,
/// };
///
/// /// Answers each command with itself.
/// #[derive(Lockable)]
/// #[lockable(accept_interrupted)] // a line is put down whole, or not at all
/// struct Parrot {
///     lock: ConnLock<Option<String>>,
/// }
///
/// #[locked]
/// #[async_trait]
/// impl Connection for Parrot {
///     async fn connect(&self) -> Result<()> {
///         Ok(())
///     }
///
///     async fn disconnect(&self) -> Result<()> {
///         Ok(())
///     }
///
///     fn is_connected(&self) -> bool {
///         true
///     }
///
///     async fn send(&self, text: &str) -> Result<()> {
///         *self.lock.state() = Some(text.to_owned());
///         Ok(())
///     }
///
///     async fn receive(&self) -> Result<String> {
///         Ok(self.lock.state().take().unwrap_or_default())
///     }
///
///     async fn execute(&self, command: &str) -> Result<Reply> {
///         self.send(command).await?;
///         Ok(Reply::new(self.receive().await?))
///     }
///
///     async fn configure(&self, config: &str) -> Result<Reply> {
///         self.execute(config).await
///     }
///
///     async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
///         section.await;
///         Ok(())
///     }
/// }
///
/// impl ConnectionClass for Parrot {
///     fn from_target(_: &Target) -> Result<Self> {
///         Ok(Self { lock: ConnLock::default() })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let device = Device::builder("r1").path("bird", Path::new("cage", "localhost")).build()?;
/// device.connect::<Parrot>(ConnectOptions::via("bird").pool_size(2)).await?;
/// assert_eq!(device.execute("hello").await?, "hello");
/// # Ok(())
/// # }
/// ```
pub trait ConnectionClass: Connection + Sized {
    /// Makes one, unconnected. An address or an option it cannot use is an [`ErrorKind::Config`](crate::ErrorKind).
    fn from_target(target: &Target) -> Result<Self>;
}
