//! What a pool needs to know about its workers: how to connect one and how to look after it.

use std::any::TypeId;
use std::cell::Cell;
use std::error::Error as StdError;
use std::future::ready;

use super::sync::thread_local;

/// Opens connections for an [`AsyncPool`](crate::AsyncPool) and looks after them.
///
/// Only `connect` must be written. An async closure that returns a `Result` is a `Connector` too; the same hooks can be
/// given to the [`PoolBuilder`](crate::PoolBuilder), which then take precedence.
///
/// The pool bounds every one of these calls in time, and takes a panic in one of them for a failure.
///
/// ```
/// use conn_share::{AsyncPool, Connector};
///
/// struct Lines;
///
/// impl Connector for Lines {
///     type Connection = String;
///     type Error = std::io::Error;
///
///     async fn connect(&self) -> Result<String, std::io::Error> {
///         Ok(String::from("a line"))
///     }
///
///     async fn reset(&self, worker: &mut String) -> Result<(), std::io::Error> {
///         worker.truncate(6);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), conn_share::PoolError> {
/// let pool = AsyncPool::builder(Lines).size(2).start().await?;
/// assert_eq!(*pool.get().await?, "a line");
/// # Ok(()) }
/// ```
pub trait Connector: Send + Sync + 'static {
    /// What is pooled.
    type Connection: Send + 'static;

    /// Why connecting, a check or a reset failed.
    type Error: Into<Box<dyn StdError + Send + Sync>> + Send;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Asks a worker that has not been used for a while whether it still works. One that fails is replaced.
    ///
    /// Without it, a worker that [`Connector::is_broken`] does not report is believed to work.
    fn check(&self, worker: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = worker;
        mark::<Self>(Hook::Check);
        ready(Ok(()))
    }

    /// Removes what the last user left behind, after each use and before anybody else sees the worker. One that fails
    /// is replaced.
    fn reset(&self, worker: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = worker;
        mark::<Self>(Hook::Reset);
        ready(Ok(()))
    }

    /// Says goodbye. Without it the connection is dropped.
    fn disconnect(&self, worker: Self::Connection) -> impl Future<Output = ()> + Send {
        drop(worker);
        ready(())
    }

    /// Whether the worker is known to be useless. Asked often: when a worker is lent, when it comes back, and of idle ones
    /// [every second](crate::PoolBuilder::look_every); so it must neither wait nor talk to the network.
    fn is_broken(&self, worker: &Self::Connection) -> bool {
        let _ = worker;
        mark::<Self>(Hook::IsBroken);
        false
    }
}

impl<F, Connecting, C, E> Connector for F
where
    F: Fn() -> Connecting + Send + Sync + 'static,
    Connecting: Future<Output = Result<C, E>> + Send,
    C: Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + Send,
{
    type Connection = C;
    type Error = E;

    fn connect(&self) -> impl Future<Output = Result<C, E>> + Send {
        self()
    }
}

/// A hook that has a provided form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Check,
    Reset,
    IsBroken,
}

thread_local! {
    /// The provided hook that ran last, and the connector's type.
    static PROVIDED: Cell<Option<(TypeId, Hook)>> = const { Cell::new(None) };
}

/// A provided hook of `K` runs. It lets the pool see that a hook was not written, and spare every use of a worker the way
/// through it.
fn mark<K: Connector + ?Sized>(hook: Hook) {
    PROVIDED.with(|provided| provided.set(Some((TypeId::of::<K>(), hook))));
}

/// Calls a hook of `K`, and says whether it is the provided one. A hook that was written may call provided ones, of the
/// connector that it wraps or of its own; but never that of its own type and name, which it replaces.
pub(super) fn observe<K: Connector, T>(hook: Hook, call: impl FnOnce() -> T) -> (T, bool) {
    PROVIDED.with(|provided| provided.set(None));
    let result = call();
    (result, PROVIDED.with(Cell::take) == Some((TypeId::of::<K>(), hook)))
}
