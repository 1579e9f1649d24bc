//! The roof: devices, their connections by alias, testbed files, calls side by side.

mod book;
mod builder;
mod classes;
mod description;
mod entry;
mod exclusive;
mod limits;
mod manager;
mod options;
mod path;
mod pcall;
mod pooled;
mod session;
#[cfg(feature = "testbed")]
mod testbed;
#[cfg(test)]
mod tests;
mod unfinished;
mod workers;

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::{AsyncPool, Connection, ConnectionClass, Error, ErrorKind, Reply, Result};

pub use builder::DeviceBuilder;
pub use classes::Classes;
use description::Description;
use entry::{Entry, Recipe};
pub use manager::ConnectionManager;
pub use options::ConnectOptions;
pub use path::Path;
pub use pcall::{Pcall, PcallFuture, Progress, pcall};
pub use session::Session;
#[cfg(feature = "testbed")]
pub use testbed::{Testbed, UnknownKey};
pub use unfinished::Unfinished;
pub use workers::DevicePool;
use workers::Pooled;

/// A network device: the ways to it, the logins, what it allows, and the connections that are open.
///
/// Cheap to clone; clones are the same device. Connections have an *alias* and go by a *path* (`via`). Calls without
/// an alias ([`Device::execute`] and its like) go to the default alias: the first connected, unless one is set.
///
/// All connections and pools of a device share its budget of sessions and its login gate
/// ([`DeviceBuilder::max_sessions`], [`DeviceBuilder::logins_at_once`], [`DeviceBuilder::logins_per_minute`]), so that
/// a program cannot use up a router's lines.
///
/// ```
/// use conn_share::{ConnectOptions, Device, Path, TelnetConnection};
///
/// # #[cfg(feature = "sim")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> conn_share::Result<()> {
/// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
/// # let (host, port) = ("127.0.0.1", router.telnet_addr().port());
/// let device = Device::builder("r1")
///     .os("frr")
///     .login("admin", "pw")
///     .path("console", Path::telnet(host).port(port))
///     .max_sessions(2)
///     .build()?;
///
/// device.connect::<TelnetConnection>(ConnectOptions::via("console")).await?;
/// let version = device.execute("show version").await?;
/// println!("{}", version.lines().next().unwrap_or_default());
/// device.disconnect_all().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sim"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Device {
    described: Arc<Described>,
    connections: ConnectionManager,
}

struct Described {
    description: Description,
    classes: Classes,
}

impl Device {
    /// Describes a device called `name`.
    pub fn builder(name: impl Into<String>) -> DeviceBuilder {
        DeviceBuilder::new(name.into())
    }

    fn new(description: Description, classes: Classes, connections: ConnectionManager) -> Self {
        Self { described: Arc::new(Described { description, classes }), connections }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.described.description.name
    }

    /// What runs on it, as described.
    pub fn os(&self) -> Option<&str> {
        self.described.description.os.as_deref()
    }

    /// The hardware platform, as described.
    pub fn platform(&self) -> Option<&str> {
        self.described.description.platform.as_deref()
    }

    /// The names of its paths.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.described.description.paths.keys().map(String::as_str)
    }

    /// How many sessions are open, being opened or being closed, over all aliases and pools.
    pub fn sessions(&self) -> usize {
        self.described.description.limits.sessions()
    }

    /// Its connections by alias.
    pub fn connections(&self) -> &ConnectionManager {
        &self.connections
    }

    /// Connects by the class `C`: one connection, or with [`ConnectOptions::pool_size`] a pool of them.
    ///
    /// Under an alias that is open already with the same class and options it gives that connection, opened again if
    /// it was lost. While another caller is connecting the same, it joins that attempt.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::{ConnectOptions, TelnetConnection};
    ///
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// let single = device.connect::<TelnetConnection>(ConnectOptions::via("console")).await?;
    /// assert!(single.is_connected());
    ///
    /// let pool = ConnectOptions::via("console").alias("pool").pool_size(2).pool_timeout(Duration::from_secs(10));
    /// device.connect::<TelnetConnection>(pool).await?; // looks like a connection, too
    /// assert_eq!(device.pool("pool")?.status().idle, 2);
    /// # device.disconnect_all().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a path, credential or option that is not there or not possible;
    /// [`ErrorKind::Usage`] when the alias is taken by a connection with other options; [`ErrorKind::Busy`] when the
    /// device's budget of sessions had no room in time; [`ErrorKind::NotConnected`] when the alias was disconnected
    /// meanwhile; else what the class's own `connect` returns.
    ///
    /// # Cancel safety
    ///
    /// Dropped while others wait for the same alias, one of them carries on. Dropped alone, the attempt is given up
    /// and the alias is free; if it had just come to its end, the connection is there under its alias.
    pub async fn connect<C: ConnectionClass>(&self, options: ConnectOptions) -> Result<Arc<dyn Connection>> {
        self.connections.open(Recipe::of::<C>(self.described.description.plan(options)?)).await
    }

    /// Connects as [`Device::connect`], by the class that the path names (a testbed's `class:`), or else by the one
    /// for the path's protocol.
    ///
    /// # Errors
    ///
    /// As [`Device::connect`], and [`ErrorKind::Config`] for a class that is not registered ([`Classes`]).
    ///
    /// # Cancel safety
    ///
    /// As [`Device::connect`].
    pub async fn open(&self, options: ConnectOptions) -> Result<Arc<dyn Connection>> {
        let description = &self.described.description;
        let (_, path) = description.path(&options)?;
        let recipe = self.described.classes.recipe_for(path).map_err(|error| error.with_device(self.name()))?;
        self.connections.open(recipe(description.plan(options)?)).await
    }

    /// Runs one command on the default alias and returns its whole output; on a pool, by the next free worker.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let routes = device.execute("show ip route").await?;
    /// println!("{} lines in {:?}", routes.lines().count(), routes.elapsed());
    ///
    /// let nonsense = device.execute("show nonsense").await?;
    /// assert!(nonsense.refused().is_some()); // `.ok()?` makes an error of it
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected; else as the connection's own `execute`.
    ///
    /// # Cancel safety
    ///
    /// As the connection's own `execute`: the answer is lost, the device may have run the command, and nobody else
    /// gets to read it.
    pub async fn execute(&self, command: impl AsRef<str> + Send + Sync) -> Result<Reply> {
        self.current()?.execute(command.as_ref()).await
    }

    /// Runs one command on the default alias and hands its output out line by line while it arrives; the reply has
    /// everything but the text. See [`Connection::execute_lines`].
    ///
    /// # Errors
    ///
    /// As [`Device::execute`].
    ///
    /// # Cancel safety
    ///
    /// As the connection's own `execute_lines`: the lines that were not handed out are lost.
    pub async fn execute_lines(
        &self,
        command: impl AsRef<str> + Send + Sync,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<Reply> {
        self.current()?.execute_lines(command.as_ref(), &mut on_line).await
    }

    /// Applies configuration on the default alias, one command a line.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// device.configure("interface eth0\n description uplink").await?;
    ///
    /// let error = device.configure("interface eth0\n nonsense\n description never").await.unwrap_err();
    /// assert!(error.to_string().contains("line 2 of 3 was refused")); // and which lines were applied
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected; else as the connection's own `configure`.
    ///
    /// # Cancel safety
    ///
    /// As the connection's own `configure`: some of the lines may have been applied.
    pub async fn configure(&self, config: impl AsRef<str> + Send + Sync) -> Result<Reply> {
        self.current()?.configure(config.as_ref()).await
    }

    /// Writes `text` and a line end on the default alias. For raw work inside [`Device::exclusive`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected; [`ErrorKind::Usage`] for a pool outside of
    /// [`Device::exclusive`], since two calls would meet two workers; else as the connection's own `send`.
    ///
    /// # Cancel safety
    ///
    /// As the connection's own `send`: part of the text may have been sent.
    pub async fn send(&self, text: impl AsRef<str> + Send + Sync) -> Result<()> {
        self.current()?.send(text.as_ref()).await
    }

    /// Reads up to the next prompt on the default alias. For raw work inside [`Device::exclusive`].
    ///
    /// # Errors
    ///
    /// As [`Device::send`].
    ///
    /// # Cancel safety
    ///
    /// As the connection's own `receive`: what had been read is lost.
    pub async fn receive(&self) -> Result<String> {
        self.current()?.receive().await
    }

    /// Several calls as one unit on the default alias: nobody else talks on that connection until `section` ends. Of
    /// a pool, one worker is taken for the whole section.
    ///
    /// `section` gets the connection (the worker). The device's own `execute`, `configure`, `send` and `receive` go
    /// there, too, as long as they are called in the section's task; a spawned task is somebody else.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let (version, routes) = device
    ///     .exclusive(|connection| async move {
    ///         let version = connection.execute("show version").await?;
    ///         connection.send("show ip route").await?; // raw, which needs a section around it
    ///         Ok::<_, conn_share::Error>((version, connection.receive().await?))
    ///     })
    ///     .await??; // why there was no section, then what the section returned
    /// assert!(version.starts_with("FRRouting") && routes.starts_with("Codes"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The outer error: [`ErrorKind::NotConnected`] when nothing is connected, [`ErrorKind::Usage`] for a class
    /// without sections ([`Connection::exclusively`]), or why the lock or a worker was not to be had. What `section`
    /// returns is passed on as it is.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the section ends where it is; the connection finds its way back into step before the next
    /// caller. Keeping the connection beyond the section keeps a pool's worker on loan.
    #[track_caller]
    pub fn exclusive<F, Fut>(&self, section: F) -> impl Future<Output = Result<Fut::Output>> + Send
    where
        F: FnOnce(Arc<dyn Connection>) -> Fut + Send,
        Fut: Future + Send,
        Fut::Output: Send,
    {
        exclusive::exclusive(&self.connections, None, Location::caller(), section)
    }

    /// As [`Device::exclusive`], on the connection under `alias`.
    ///
    /// # Errors
    ///
    /// As [`Device::exclusive`].
    ///
    /// # Cancel safety
    ///
    /// As [`Device::exclusive`].
    #[track_caller]
    pub fn exclusive_on<F, Fut>(&self, alias: &str, section: F) -> impl Future<Output = Result<Fut::Output>> + Send
    where
        F: FnOnce(Arc<dyn Connection>) -> Fut + Send,
        Fut: Future + Send,
        Fut::Output: Send,
    {
        exclusive::exclusive(&self.connections, Some(alias), Location::caller(), section)
    }

    /// The connection under `alias`, a pool included.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let console = device.connection("console")?;
    /// let again = console.clone(); // cheap, to be sent to other tasks
    /// tokio::spawn(async move { again.execute("show version").await }).await.expect("no panic")?;
    /// assert!(device.connection("mgmt").is_err());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias.
    pub fn connection(&self, alias: &str) -> Result<Arc<dyn Connection>> {
        self.connections.connection(alias)
    }

    /// The single connection under `alias` as its own class, for methods that are not part of [`Connection`].
    ///
    /// ```
    /// use conn_share::{LockableExt, TelnetConnection};
    ///
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Connection, Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let console = device.connection_as::<TelnetConnection>("console")?;
    /// let version = console
    ///     .exclusive(async {
    ///         console.send("show version").await?;
    ///         console.receive().await
    ///     })
    ///     .await??;
    /// assert!(version.starts_with("FRRouting"));
    /// println!("{:?}", console.status());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias; [`ErrorKind::Usage`] when it is of
    /// another class or a pool.
    pub fn connection_as<C: ConnectionClass>(&self, alias: &str) -> Result<Arc<C>> {
        let entry = self.connections.entry(Some(alias))?;
        let connection: Arc<dyn Any + Send + Sync> = entry.link.connection.clone();
        match connection.downcast::<Session<C>>() {
            Ok(session) => Ok(session.connection().clone()),
            Err(_) => Err(self.is_not(&entry, &format!("a single {}", std::any::type_name::<C>()))),
        }
    }

    /// The pool under `alias`, whatever its class: its status, its size, its workers.
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console").pool_size(2)).await?;
    /// let pool = device.pool("console")?;
    /// let worker = pool.get().await?; // for several calls on one session
    /// worker.execute("show version").await?;
    /// assert_eq!(pool.status().on_loan, 1);
    /// drop(worker);
    /// pool.resize(1)?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias; [`ErrorKind::Usage`] when it is a single
    /// connection.
    pub fn pool(&self, alias: &str) -> Result<DevicePool> {
        let entry = self.connections.entry(Some(alias))?;
        let Some(pool) = &entry.link.pool else { return Err(self.is_not(&entry, "a pool")) };
        let max_sessions = self.described.description.limits.max_sessions();
        Ok(DevicePool { pool: pool.clone(), name: entry.recipe.plan.name.clone(), max_sessions })
    }

    /// The pool under `alias` as what it is. Its workers are [`Session`]s, which deref to `C`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias; [`ErrorKind::Usage`] when it is a single
    /// connection or of another class.
    pub fn pool_as<C: ConnectionClass>(&self, alias: &str) -> Result<AsyncPool<Session<C>>> {
        let entry = self.connections.entry(Some(alias))?;
        let connection: Arc<dyn Any + Send + Sync> = entry.link.connection.clone();
        match connection.downcast::<Pooled<C>>() {
            Ok(pooled) => Ok(pooled.pool.clone()),
            Err(_) => Err(self.is_not(&entry, &format!("a pool of {}", std::any::type_name::<C>()))),
        }
    }

    fn is_not(&self, entry: &Entry, what: &str) -> Error {
        let message = format!("alias {:?} is not {what}: it is {}", entry.recipe.alias(), entry.recipe);
        Error::new(ErrorKind::Usage, message).with_device(self.name())
    }

    /// Whether the connection under `alias` is believed to be open. Never waits.
    pub fn is_connected(&self, alias: &str) -> bool {
        self.connections.is_connected(alias)
    }

    /// Closes the connection under `alias`: see [`ConnectionManager::disconnect`].
    ///
    /// # Errors
    ///
    /// As [`ConnectionManager::disconnect`].
    ///
    /// # Cancel safety
    ///
    /// As [`ConnectionManager::disconnect`].
    pub async fn disconnect(&self, alias: &str) -> Result<()> {
        self.connections.disconnect(alias).await
    }

    /// Closes everything, side by side: see [`ConnectionManager::disconnect_all`].
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// device.disconnect_all().await?;
    /// assert_eq!(device.sessions(), 0);
    /// assert!(device.execute("show version").await.is_err());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ConnectionManager::disconnect_all`].
    ///
    /// # Cancel safety
    ///
    /// As [`ConnectionManager::disconnect_all`].
    pub async fn disconnect_all(&self) -> Result<()> {
        self.connections.disconnect_all().await
    }

    /// Closes the connection under `alias` and opens it again: see [`ConnectionManager::reconnect`].
    ///
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let console = device.connection("console")?;
    /// device.reconnect("console").await?;
    /// console.execute("show version").await?; // the same object, a new session
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ConnectionManager::reconnect`].
    ///
    /// # Cancel safety
    ///
    /// As [`ConnectionManager::reconnect`].
    pub async fn reconnect(&self, alias: &str) -> Result<Arc<dyn Connection>> {
        self.connections.reconnect(alias).await
    }

    /// What calls without an alias go to at this moment, in this task.
    fn current(&self) -> Result<Arc<dyn Connection>> {
        let entry = self.connections.entry(None)?;
        let held = exclusive::held(&self.connections, entry.recipe.alias());
        Ok(held.unwrap_or_else(|| entry.link.connection.clone()))
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Description { name, os, paths, .. } = &self.described.description;
        f.debug_struct("Device")
            .field("name", name)
            .field("os", os)
            .field("paths", &paths.keys().collect::<Vec<_>>())
            .field("connections", &self.connections.aliases())
            .finish_non_exhaustive()
    }
}
