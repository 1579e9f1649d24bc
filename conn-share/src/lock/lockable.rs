//! What a type needs to wear `#[locked]`.

use std::error::Error as StdError;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use super::raw::{Locked, Succeed};
use super::section::Section;
use super::site::Site;
use super::{ConnLock, LockError};

/// A type with a [`ConnLock`]; derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no lock for `#[locked]` to take",
    label = "`{Self}` is not `Lockable`",
    note = "add `#[derive(Lockable)]` and a field `lock: ConnLock<State>` to the struct",
    note = "on a trait, write `conn_share::Lockable` among its supertraits"
)]
pub trait Lockable {
    /// What the lock owns.
    type State;

    /// The instance's lock.
    fn conn_lock(&self) -> &ConnLock<Self::State>;

    /// Puts the instance back in order after a section was cut off. Runs under the lock.
    fn recover(&self) -> Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + '_>> {
        Box::pin(std::future::ready(Err(RecoverError::Unsupported)))
    }
}

/// The lock of what is pointed at.
impl<L: Lockable + ?Sized> Lockable for Arc<L> {
    type State = L::State;

    fn conn_lock(&self) -> &ConnLock<Self::State> {
        (**self).conn_lock()
    }

    fn recover(&self) -> Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + '_>> {
        (**self).recover()
    }
}

/// The lock of what is pointed at.
impl<L: Lockable + ?Sized> Lockable for Box<L> {
    type State = L::State;

    fn conn_lock(&self) -> &ConnLock<Self::State> {
        (**self).conn_lock()
    }

    fn recover(&self) -> Pin<Box<dyn Future<Output = Result<(), RecoverError>> + Send + '_>> {
        (**self).recover()
    }
}

/// Several calls under one lock.
pub trait LockableExt: Lockable {
    /// Holds the lock while `future` runs: the locked calls in it are one unit, which nobody else gets in between.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use conn_share::{ConnLock, LockError, Lockable, locked};
    /// # #[derive(Lockable)]
    /// # #[lockable(accept_interrupted)]
    /// # struct Console { lock: ConnLock<Vec<String>> }
    /// # #[locked] impl Console {
    /// #     async fn send(&self, text: &str) -> Result<(), LockError> { self.lock.state().push(text.to_owned()); Ok(()) }
    /// #     async fn receive(&self) -> Result<String, LockError> { Ok(self.lock.state().remove(0)) }
    /// # }
    /// # let console = Console { lock: ConnLock::new(Vec::new()) };
    /// use conn_share::LockableExt;
    ///
    /// let answer = console
    ///     .exclusive(async {
    ///         console.send("show clock").await?;
    ///         console.receive().await // nobody else sent or received in between
    ///     })
    ///     .await??; // the lock's error first, then that of the calls
    /// assert_eq!(answer, "show clock");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The lock could not be taken; `future` has not been polled then.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, nothing is lost but the place in the queue. Dropped later, `future` is dropped under the
    /// lock and the instance counts as interrupted, as for a locked method.
    #[track_caller]
    fn exclusive<F: Future>(&self, future: F) -> impl Future<Output = Result<F::Output, LockError>> {
        let site = Site::of_section(Location::caller());
        Locked::new(Section::new(self, site), Err, Succeed(future))
    }
}

impl<L: Lockable + ?Sized> LockableExt for L {}

/// Recovers an interrupted instance now, as its next section would: by entering one that does nothing.
#[track_caller]
pub(crate) fn recover_now<L>(instance: &L) -> impl Future<Output = Result<(), LockError>> + Send
where
    L: Lockable + Sync,
    L::State: Send,
{
    let site = Site::of_section(Location::caller());
    Locked::new(Section::new(instance, site), Err, Succeed(std::future::ready(())))
}

/// Why `recover` failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecoverError {
    /// There is no `recover`.
    Unsupported,
    /// It ran and failed.
    Failed(Box<dyn StdError + Send + Sync>),
}

/// What a `recover` method may return: nothing, or a `Result<(), E>`.
#[diagnostic::on_unimplemented(
    message = "`recover` cannot return `{Self}`",
    label = "returns `{Self}`",
    note = "an async method for `#[lockable(recover = ..)]` takes `&self` and returns nothing, or a `Result<(), E>` where \
            `E: Into<Box<dyn std::error::Error + Send + Sync>>`"
)]
pub trait IntoRecovery {
    /// As `Lockable::recover` returns it.
    fn into_recovery(self) -> Result<(), RecoverError>;
}

impl IntoRecovery for () {
    fn into_recovery(self) -> Result<(), RecoverError> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn StdError + Send + Sync>>> IntoRecovery for Result<(), E> {
    fn into_recovery(self) -> Result<(), RecoverError> {
        self.map_err(|error| RecoverError::Failed(error.into()))
    }
}

/// A field that `#[derive(Lockable)]` can use: a lock, or a pointer to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `ConnLock`",
    note = "mark the field of type `ConnLock<..>` with `#[lockable(lock)]`"
)]
pub trait LockField {
    /// What the lock owns.
    type State;

    /// The lock.
    fn lock(&self) -> &ConnLock<Self::State>;
}

impl<S> LockField for ConnLock<S> {
    type State = S;

    fn lock(&self) -> &ConnLock<S> {
        self
    }
}

impl<L: LockField + ?Sized> LockField for Arc<L> {
    type State = L::State;

    fn lock(&self) -> &ConnLock<Self::State> {
        self.deref().lock()
    }
}
