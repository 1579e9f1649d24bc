//! The worker pool.
//!
//! Bottom up: `slots` (what each worker does), `gate` (who may have one), `line` (who waits) with its `deadlines`,
//! `health` (when to try again) are plain values; `books` puts them behind one mutex; `shared` makes the moves; `jobs`
//! and `work` carry on what takes time, `abroad` knows of the runtimes they were begun in; `request` is one `get` from
//! arrival to guard; `keeper` and `close` are the other two who carry jobs on.

mod abroad;
mod alarm;
mod async_pool;
mod books;
mod builder;
mod caller;
mod chance;
mod close;
mod connector;
mod deadlines;
mod error;
mod forwarding;
mod gate;
mod guard;
mod health;
#[cfg(all(test, shuttle))]
mod interleavings;
mod jobs;
mod keeper;
mod line;
#[cfg(test)]
mod line_model;
mod options;
mod request;
mod shared;
mod slots;
#[cfg(test)]
mod slots_model;
mod status;
mod sync;
mod tending;
mod work;

pub use async_pool::AsyncPool;
pub use builder::PoolBuilder;
pub use close::Drained;
pub use connector::Connector;
pub use error::{ConnectFailure, Holder, PoolError, PoolPhase, PoolTimeout};
pub use guard::WorkerGuard;
pub use options::StartPolicy;
pub use status::{Counters, Status};

/// What the expansions of `#[pooled]` name. Not part of the public API.
#[doc(hidden)]
pub(crate) mod private {
    pub use super::forwarding::{FromPoolError, NoError, Refusal, no_worker};
}
