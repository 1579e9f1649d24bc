//! The worker pool.

/// Why a pool did not lend a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}

impl PoolError {
    /// The wait was bounded and the bound ran out.
    pub fn is_timeout(&self) -> bool {
        false
    }
}
