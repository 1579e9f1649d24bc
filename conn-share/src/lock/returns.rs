//! How a lock error leaves a locked method, decided by the method's return type.
//!
//! The macro sees only how a type is written, and `io::Result<String>` or `Reply` may be an alias of anything. So it asks
//! the compiler: [`Returns`] has methods of its own for a `Result`, which win over those of the trait [`NotResult`], which
//! every type has.

use std::marker::PhantomData;

use super::LockError;
use super::site::Site;

/// Stands for a method's return type.
#[derive(Debug)]
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Clone for Returns<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Returns<R> {}

impl<R> Returns<R> {
    /// A token for the type.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Compiles if a timeout can be returned.
    pub const fn bounded(self) -> Self
    where
        R: ReturnsResult,
    {
        self
    }
}

impl<T, E> Returns<Result<T, E>> {
    /// The error as the method's own.
    pub fn lock_failed(self, error: LockError) -> Result<T, E>
    where
        E: FromLockError,
    {
        Err(E::from_lock_error(error))
    }

    /// The site that says that errors can be returned.
    pub const fn site(self, fallible: &'static Site, _infallible: &'static Site) -> &'static Site {
        fallible
    }
}

/// For methods that return no `Result`.
pub trait NotResult<R>: Sized {
    /// Panics with the error.
    fn lock_failed(self, error: LockError) -> R;

    /// The site that says that errors cannot be returned.
    fn site(self, _fallible: &'static Site, infallible: &'static Site) -> &'static Site {
        infallible
    }
}

impl<R> NotResult<R> for Returns<R> {
    #[track_caller]
    fn lock_failed(self, error: LockError) -> R {
        no_lock(&error)
    }
}

/// Panics with the error: what is left to a method that never returns.
#[track_caller]
pub fn no_lock(error: &LockError) -> ! {
    panic!("{error}")
}

/// Holds for `Result` alone: what a method with a timeout must return.
#[diagnostic::on_unimplemented(
    message = "a locked method with a timeout must return a `Result`",
    label = "returns `{Self}`, which cannot carry `LockError::Timeout`",
    note = "return `Result<{Self}, E>` where `E: From<conn_share::LockError>`, or leave the timeout out"
)]
pub trait ReturnsResult {}

impl<T, E> ReturnsResult for Result<T, E> {}

/// Holds for what is `From<LockError>`: the error of a locked method.
#[diagnostic::on_unimplemented(
    message = "a locked method cannot return a lock error as `{Self}`",
    label = "`{Self}` is not `From<conn_share::LockError>`",
    note = "write `impl From<conn_share::LockError> for {Self}`; with thiserror, a variant `Lock(#[from] conn_share::LockError)`",
    note = "or return `conn_share::Error`, `std::io::Error` or `Box<dyn std::error::Error + Send + Sync>`, which have it"
)]
pub trait FromLockError {
    /// `E::from(error)`
    fn from_lock_error(error: LockError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<LockError>> FromLockError for E {
    fn from_lock_error(error: LockError) -> Self {
        Self::from(error)
    }
}
