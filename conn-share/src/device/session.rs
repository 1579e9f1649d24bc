//! A connection within its device's limits.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::connection::{BoxedSection, OnLine};
use crate::deadline::Deadline;
use crate::{Connection, Error, ErrorKind, Reply, Result};

use super::limits::{Limits, SessionPass};

/// What a class's own deadline, which may end at the same moment, gets ahead of ours: its error says more.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A connection of class `C` that a [`Device`](crate::Device) made: it connects within the device's limits and
/// derefs to the class itself.
///
/// From `connect` to `disconnect` it counts as one of the device's sessions, and each login waits for its turn. The
/// class's own `connect`, reached through the deref, knows nothing of these limits.
pub struct Session<C> {
    connection: Arc<C>,
    name: String,
    connect_timeout: Duration,
    limits: Arc<Limits>,
    /// Held while connecting, so that two callers do not ask for two passes.
    opening: tokio::sync::Mutex<()>,
    /// There while the peer may count us as a session. A `connect` that is dropped half-way leaves it here, for the
    /// peer may have seen us by then: it goes with `disconnect`, or with the value itself.
    pass: Mutex<Option<SessionPass>>,
}

impl<C: Connection> Session<C> {
    pub(super) fn new(connection: C, name: String, connect_timeout: Duration, limits: Arc<Limits>) -> Self {
        Self {
            connection: Arc::new(connection),
            name,
            connect_timeout,
            limits,
            opening: tokio::sync::Mutex::new(()),
            pass: Mutex::new(None),
        }
    }

    /// The user's own class.
    pub(super) fn connection(&self) -> &Arc<C> {
        &self.connection
    }

    async fn log_in(&self, deadline: Deadline) -> Result<()> {
        if self.pass.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            let pass = self.limits.session(deadline).await?;
            *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = Some(pass);
        }
        let _turn = self.limits.login(deadline).await?;
        let with_grace = Deadline::after(deadline.remaining().unwrap_or(Duration::MAX).saturating_add(GRACE));
        match with_grace.bound(self.connection.connect()).await {
            Ok(done) => done,
            Err(_) => Err(self.too_slow("connecting")),
        }
    }

    /// Gives the pass back if there is nothing left that it stands for. Only for one who holds `opening`.
    fn settle(&self) {
        if !self.connection.is_connected() {
            self.pass.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    fn too_slow(&self, phase: &'static str) -> Error {
        Error::new(ErrorKind::Timeout, format!("not connected within {:?}", self.connect_timeout)).with_phase(phase)
    }
}

// One that is forgotten would be the provided one, and not the class's own.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connection> Connection for Session<C> {
    async fn connect(&self) -> Result<()> {
        let deadline = Deadline::after(self.connect_timeout);
        let Ok(_one_at_a_time) = deadline.bound(self.opening.lock()).await else {
            return Err(self.too_slow("waiting for another caller's connect").with_device(&self.name));
        };
        let has_pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if has_pass && self.connection.is_connected() {
            return Ok(());
        }
        let done = self.log_in(deadline).await;
        self.settle();
        done.map_err(|error| error.with_device(&self.name))
    }

    async fn disconnect(&self) -> Result<()> {
        let done = self.connection.disconnect().await;
        // Somebody who is connecting at this moment settles the pass at the end.
        if let Ok(_nobody_connects) = self.opening.try_lock() {
            self.settle();
        }
        done.map_err(|error| error.with_device(&self.name))
    }

    fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    async fn send(&self, text: &str) -> Result<()> {
        self.connection.send(text).await.map_err(|error| error.with_device(&self.name))
    }

    async fn receive(&self) -> Result<String> {
        self.connection.receive().await.map_err(|error| error.with_device(&self.name))
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        self.connection.execute(command).await.map_err(|error| error.with_device(&self.name))
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        self.connection.execute_lines(command, on_line).await.map_err(|error| error.with_device(&self.name))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        self.connection.configure(config).await.map_err(|error| error.with_device(&self.name))
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        self.connection.exclusively(section).await.map_err(|error| error.with_device(&self.name))
    }

    async fn reset(&self) -> Result<()> {
        self.connection.reset().await.map_err(|error| error.with_device(&self.name))
    }

    fn needs_reset(&self) -> bool {
        self.connection.needs_reset()
    }
}

impl<C> Deref for Session<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C> fmt::Debug for Session<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}
