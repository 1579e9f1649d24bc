//! The re-entrant async lock behind `#[locked]`.

mod error;
mod lockable;
mod returns;
mod section;
mod site;

pub use error::LockError;
pub use lockable::{Lockable, LockableExt, RecoverError};
pub use section::{ConnLock, StateGuard};

/// What the macros' expansions name. Not part of the public API.
#[doc(hidden)]
pub mod private {
    pub use super::lockable::{IntoRecovery, LockField};
    pub use super::returns::{FromLockError, NotResult, Returns, ReturnsResult, no_lock};
    pub use super::section::{Section, enter};
    pub use super::site::Site;

    /// What `#[locked]` brings into scope for the marks that it leaves.
    #[cfg(feature = "macros")]
    pub mod attributes {
        pub use conn_share_macros::unlocked;
    }
}
