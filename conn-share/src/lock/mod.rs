//! The re-entrant async lock behind `#[locked]`.

mod conn_lock;
mod core;
mod error;
mod graph;
#[cfg(all(test, shuttle))]
mod interleavings;
mod limits;
mod loan;
mod lockable;
mod locking;
mod nested;
mod queue;
mod raw;
mod returns;
mod section;
mod site;
mod sync;
mod waking;
mod watchdog;

pub use conn_lock::{ConnLock, StateError, StateGuard};
pub use error::{Deadlock, Holder, LockError, LockTimeout};
pub(crate) use lockable::recover_now;
pub use lockable::{Lockable, LockableExt, RecoverError};
pub(crate) use waking::wake;

/// What the macros' expansions name. Not part of the public API.
#[doc(hidden)]
pub(crate) mod private {
    pub use super::lockable::{IntoRecovery, LockField};
    pub use super::locking::{Locking, Nobody, WithLock, WithoutLock, in_span, locked};
    pub use super::raw::Locked;
    pub use super::returns::{FromLockError, NotResult, Returns, ReturnsResult, no_lock};
    pub use super::site::Site;

    /// What `#[locked]` brings into scope for the marks that it leaves.
    #[cfg(feature = "macros")]
    pub mod attributes {
        pub use conn_share_macros::unlocked;
    }
}
