//! The roof: devices, their connections by alias, testbed files, calls side by side.

mod book;
mod builder;
mod calls;
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
use std::sync::Arc;

use crate::{AsyncPool, Connection, ConnectionClass, Error, ErrorKind, Result};

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
