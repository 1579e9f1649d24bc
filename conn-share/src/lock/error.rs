//! Why a lock was not taken.

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The lock was closed.
    #[error("the lock is closed")]
    Closed,
}

impl LockError {
    /// The wait was bounded and the bound ran out.
    pub fn is_timeout(&self) -> bool {
        false
    }
}

impl From<LockError> for std::io::Error {
    fn from(error: LockError) -> Self {
        Self::other(error)
    }
}
