//! What `#[pooled]` expands to: how an error of the pool, or a refusal, leaves a method.

use std::marker::PhantomData;

use super::PoolError;

/// What a method returns that got no worker.
#[track_caller]
pub fn no_worker<R: FromPoolError>(error: PoolError) -> R {
    R::from_pool_error(error)
}

/// Holds for a `Result` whose error is `From<PoolError>`: what a method must return to be called on a pool.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that no worker was free",
    label = "not a `Result` whose error is `From<conn_share::PoolError>`",
    note = "return `Result<T, E>` and write `impl From<conn_share::PoolError> for E`, or return `conn_share::Error`, \
            `std::io::Error` or `Box<dyn std::error::Error + Send + Sync>`, which have it",
    note = "or mark the method `#[pooled(refuse)]`"
)]
pub trait FromPoolError {
    /// `Err(error.into())`
    fn from_pool_error(error: PoolError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<PoolError>> FromPoolError for Result<T, E> {
    fn from_pool_error(error: PoolError) -> Self {
        Err(error.into())
    }
}

/// Stands for what a refused method returns. Its own `refuse` exists where an error can be returned, and wins there;
/// [`NoError`] is the fallback.
#[derive(Debug)]
pub struct Refusal<R>(PhantomData<fn() -> R>);

impl<R> Refusal<R> {
    /// A token for the type.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E: From<PoolError>> Refusal<Result<T, E>> {
    /// An error that says why.
    pub fn refuse(self, why: &'static str) -> Result<T, E> {
        Err(PoolError::Refused(why).into())
    }
}

/// For methods that cannot return an error of the pool.
pub trait NoError<R>: Sized {
    /// Panics, and says why.
    #[track_caller]
    fn refuse(self, why: &'static str) -> R {
        panic!("{why}")
    }
}

impl<R> NoError<R> for Refusal<R> {}
