//! Connections under their aliases.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Connection, Error, ErrorKind, Result};

use super::book::{Book, Step};
use super::entry::{Entry, Recipe};
use super::pcall::pcall;

/// The connections of one device, each under its alias. Clones share them.
///
/// A [`Device`](crate::Device) has one ([`Device::connections`](crate::Device::connections)); its own methods go
/// through it.
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
/// let connections = device.connections();
/// assert_eq!(connections.aliases(), ["console"]);
/// assert_eq!(connections.default_alias().as_deref(), Some("console"));
/// assert!(connections.is_connected("console"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sim"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct ConnectionManager {
    book: Arc<Book>,
}

impl ConnectionManager {
    pub(super) fn new(device: String, default_alias: Option<String>, disconnect_timeout: Duration) -> Self {
        Self { book: Arc::new(Book::new(device, default_alias, disconnect_timeout)) }
    }

    /// Opens what `recipe` says under its alias, joins those who are doing so, or finds it open.
    pub(super) async fn open(&self, recipe: Recipe) -> Result<Arc<dyn Connection>> {
        loop {
            match self.book.open(&recipe)? {
                Step::Opening(attempt) => return attempt.await.map(|entry| entry.link.connection.clone()),
                Step::Closing(closing) => drop(closing.await),
                Step::Open(entry) => {
                    match &entry.link.pool {
                        None => entry.link.connection.connect().await?,
                        // Somebody closed the pool itself; its alias is in the way.
                        Some(pool) if pool.is_closed() => {
                            self.disconnect(recipe.alias()).await.ok();
                            continue;
                        }
                        // It heals by itself.
                        Some(_) => {}
                    }
                    return Ok(entry.link.connection.clone());
                }
            }
        }
    }

    /// The aliases under which something is open or being closed, in the order in which they were connected.
    pub fn aliases(&self) -> Vec<String> {
        self.book.aliases()
    }

    /// The alias that calls without one go to: the one set, or the first that was connected and still is.
    pub fn default_alias(&self) -> Option<String> {
        self.book.default_alias()
    }

    /// Sets the default alias; `None` for the first connected. It need not be connected yet.
    pub fn set_default_alias(&self, alias: Option<&str>) {
        self.book.set_default_alias(alias);
    }

    /// The connection under `alias`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias.
    pub fn connection(&self, alias: &str) -> Result<Arc<dyn Connection>> {
        Ok(self.book.entry(alias)?.link.connection.clone())
    }

    /// Whether the connection under `alias` is believed to be open: for a pool, whether a worker lives. Never waits;
    /// `false` for an alias that is not known.
    pub fn is_connected(&self, alias: &str) -> bool {
        self.book.entry(alias).is_ok_and(|entry| entry.link.connection.is_connected())
    }

    /// Closes the connection under `alias` and forgets the alias; ends an attempt to connect under way. It waits for
    /// the running call up to the connection's own deadline, and for the whole up to the device's
    /// [`disconnect_timeout`](crate::DeviceBuilder::disconnect_timeout). Whoever asks meanwhile joins.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotConnected`] when nothing is connected under that alias; [`ErrorKind::Timeout`] when the
    /// connection did not end in time; what its `disconnect` returned. The alias is free again in any case.
    ///
    /// # Cancel safety
    ///
    /// When all who wait for it are dropped, the closing stops where it is and the alias stays; call again.
    pub async fn disconnect(&self, alias: &str) -> Result<()> {
        match self.book.close(alias)? {
            Step::Opening(stopped) => match stopped.await {
                // It had come to its end before it could be stopped.
                Ok(entry) => entry.link.connection.disconnect().await,
                Err(_) => Ok(()),
            },
            Step::Closing(closing) => closing.await,
            Step::Open(_) => Ok(()),
        }
    }

    /// Closes everything that is open or being opened at this moment, side by side, also what is busy or broken.
    /// Takes no longer than the device's [`disconnect_timeout`](crate::DeviceBuilder::disconnect_timeout).
    ///
    /// # Errors
    ///
    /// One error for all that did not close cleanly, naming them; every alias is free again nevertheless.
    ///
    /// # Cancel safety
    ///
    /// As for [`ConnectionManager::disconnect`]: what has not closed yet stays under its alias.
    pub async fn disconnect_all(&self) -> Result<()> {
        let aliases = self.book.all_aliases();
        let total = aliases.len();
        let results = pcall(&aliases, |alias| self.disconnect(alias)).await;
        let failed: Vec<(&String, Error)> = aliases
            .iter()
            .zip(results)
            .filter_map(|(alias, result)| Some((alias, result.err()?)))
            // Somebody else closed it in the meantime.
            .filter(|(_, error)| error.kind() != ErrorKind::NotConnected)
            .collect();
        let names: Vec<&str> = failed.iter().map(|(alias, _)| alias.as_str()).collect();
        let message = format!("{} of {total} connections did not close cleanly: {}", failed.len(), names.join(", "));
        match failed.into_iter().next() {
            None => Ok(()),
            Some((_, first)) => {
                Err(Error::new(first.kind(), message).with_device(self.book.device()).with_source(first))
            }
        }
    }

    /// Closes the connection under `alias` and opens it again, with the options it was opened with.
    ///
    /// A single connection stays the same object: who holds it goes on with it. A pool is closed and a new one takes
    /// its place: take a new handle.
    ///
    /// # Errors
    ///
    /// As [`Device::connect`](crate::Device::connect). How the old connection ended does not matter.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the connection may be closed and not open again.
    pub async fn reconnect(&self, alias: &str) -> Result<Arc<dyn Connection>> {
        let entry = self.book.entry(alias)?;
        if entry.link.pool.is_none() {
            let connection = entry.link.connection.clone();
            let limit = self.book.disconnect_timeout();
            if let Ok(Err(error)) | Err(error) = tokio::time::timeout(limit, connection.disconnect())
                .await
                .map_err(|_| Error::timeout("disconnecting", limit))
            {
                tracing::debug!(alias, %error, "the old connection did not close cleanly");
            }
            connection.connect().await?;
            return Ok(connection);
        }
        if let Err(error) = self.disconnect(alias).await {
            tracing::debug!(alias, %error, "the old pool did not close cleanly");
        }
        self.open(entry.recipe.clone()).await
    }

    /// What stands under `alias`, or under the default alias.
    pub(super) fn entry(&self, alias: Option<&str>) -> Result<Arc<Entry>> {
        match alias {
            Some(alias) => self.book.entry(alias),
            None => self.book.default_entry(),
        }
    }

    /// Whether both are the same manager.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.book, &other.book)
    }
}

impl fmt::Debug for ConnectionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionManager")
            .field("device", &self.book.device())
            .field("aliases", &self.aliases())
            .finish_non_exhaustive()
    }
}
