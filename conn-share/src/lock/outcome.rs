//! What comes out of a locked call.

use super::LockError;

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
pub(crate) struct AsResult;

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
