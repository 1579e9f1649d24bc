//! Calls on a device without an alias: they go to the default one.

use std::panic::Location;
use std::sync::Arc;

use super::{Device, exclusive};
use crate::{Connection, Reply, Result};

impl Device {
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
    /// [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) when nothing is connected; else as the connection's
    /// own `execute`.
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
    /// ```
    /// # #[cfg(feature = "sim")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// # use conn_share::{Device, Path};
    /// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
    /// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
    /// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console")).await?;
    /// let mut routes = 0;
    /// device.execute_lines("show ip route", |line| routes += usize::from(line.contains(" via "))).await?;
    /// println!("{routes} routes by a gateway");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sim"))]
    /// # fn main() {}
    /// ```
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
    /// [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) when nothing is connected; else as the connection's
    /// own `configure`.
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
    /// [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) when nothing is connected;
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a pool outside of [`Device::exclusive`], since two calls would
    /// meet two workers; else as the connection's own `send`.
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
    /// The outer error: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) when nothing is connected,
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a class without sections ([`Connection::exclusively`]), or why
    /// the lock or a worker was not to be had. What `section` returns is passed on as it is.
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

    /// What calls without an alias go to at this moment, in this task.
    fn current(&self) -> Result<Arc<dyn Connection>> {
        let entry = self.connections.entry(None)?;
        let held = exclusive::held(&self.connections, entry.recipe.alias());
        Ok(held.unwrap_or_else(|| entry.link.connection.clone()))
    }
}
