//! How a lock error leaves a locked method, decided by the method's return type.

use std::marker::PhantomData;

use super::LockError;

/// Stands for a method's return type. Its own `lock_failed` exists for a `Result` and wins there; [`NotResult`] is the fallback.
#[derive(Debug)]
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// A token for the type.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Returns<Result<T, E>> {
    /// The error as the method's own.
    pub fn lock_failed(self, error: LockError) -> Result<T, E>
    where
        E: From<LockError>,
    {
        Err(error.into())
    }
}

/// For methods that return no `Result`.
pub trait NotResult<R> {
    /// Panics with the error.
    fn lock_failed(self, error: LockError) -> R;
}

impl<R> NotResult<R> for Returns<R> {
    #[track_caller]
    fn lock_failed(self, error: LockError) -> R {
        panic!("{error}")
    }
}

/// Holds for `Result` alone: what a method with a timeout must return.
#[diagnostic::on_unimplemented(
    message = "a locked method with a timeout must return a `Result`",
    label = "returns `{Self}`, which cannot carry `LockError::Timeout`",
    note = "return `Result<{Self}, E>` where `E: From<conn_share::LockError>`, or drop the timeout"
)]
pub trait ReturnsResult {}

impl<T, E> ReturnsResult for Result<T, E> {}

/// What becomes of a body's output and of a lock error.
pub trait Outcome<T> {
    /// What the caller gets.
    type Output;

    /// The body ran.
    fn ran(&self, output: T) -> Self::Output;

    /// It did not.
    fn failed(&self, error: LockError) -> Self::Output;
}

/// The body's own output; the function makes one from an error.
#[derive(Debug)]
pub struct OrElse<M>(pub M);

impl<T, M: Fn(LockError) -> T> Outcome<T> for OrElse<M> {
    type Output = T;

    #[inline]
    fn ran(&self, output: T) -> T {
        output
    }

    #[cold]
    fn failed(&self, error: LockError) -> T {
        (self.0)(error)
    }
}

/// The error as it is.
#[derive(Debug)]
pub struct AsResult;

impl<T> Outcome<T> for AsResult {
    type Output = Result<T, LockError>;

    #[inline]
    fn ran(&self, output: T) -> Self::Output {
        Ok(output)
    }

    fn failed(&self, error: LockError) -> Self::Output {
        Err(error)
    }
}
