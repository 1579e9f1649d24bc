//! The turn to log in that somebody else hands out.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Result;
use crate::deadline::Deadline;

/// Whoever limits the logins of a device.
pub(crate) trait Gate: Send + Sync {
    /// Waits for a turn, which lasts until what is returned is dropped.
    fn turn(self: Arc<Self>, deadline: Deadline) -> Pin<Box<dyn Future<Output = Result<Turn>> + Send>>;
}

/// The right to log in, while it is kept.
pub(crate) type Turn = Box<dyn Any + Send>;

/// The gate that a connection passes when it logs in again by itself; a device puts it into its targets.
///
/// The first login is not meant: whoever asks for it, a device or its pool, takes the turn around the whole `connect`.
#[derive(Clone)]
pub(crate) struct LoginGate(Arc<dyn Gate>);

impl LoginGate {
    pub(crate) fn new(gate: Arc<dyn Gate>) -> Self {
        Self(gate)
    }

    pub(crate) async fn turn(&self, deadline: Deadline) -> Result<Turn> {
        self.0.clone().turn(deadline).await
    }
}

impl fmt::Debug for LoginGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginGate")
    }
}
