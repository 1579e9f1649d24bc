//! Share connections to network devices between Tokio tasks.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod lock;
mod pool;

#[cfg(feature = "_talking")]
mod deadline;

#[cfg(feature = "_talking")]
mod cli;
#[cfg(feature = "_talking")]
mod connection;
#[cfg(feature = "_talking")]
mod device;
#[cfg(feature = "_talking")]
mod error;
#[cfg(feature = "_talking")]
mod secret;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "_talking")]
mod transport;

#[cfg(feature = "_talking")]
pub use cli::{Interaction, Platform, Proof};
#[cfg(feature = "macros")]
pub use conn_share_macros::{Lockable, locked, pooled, unlocked};
#[cfg(feature = "ssh")]
pub use connection::SshConnection;
#[cfg(feature = "telnet")]
pub use connection::TelnetConnection;
#[cfg(feature = "_talking")]
pub use connection::{
    BoxedSection, Connection, ConnectionClass, Credential, ExecuteOptions, Reply, SessionOptions, SessionStatus, Target,
};
#[cfg(feature = "_talking")]
pub use device::{
    Classes, ConnectOptions, ConnectionManager, Device, DeviceBuilder, DevicePool, Path, Pcall, PcallFuture, Progress,
    Session, Unfinished, pcall,
};
#[cfg(feature = "testbed")]
pub use device::{Testbed, UnknownKey};
#[cfg(feature = "_talking")]
pub use error::{Error, ErrorKind, Result};
pub use lock::{
    ConnLock, Deadlock, Holder, LockError, LockTimeout, Lockable, LockableExt, RecoverError, StateError, StateGuard,
};
pub use pool::{
    AsyncPool, ConnectFailure, Connector, Counters, Drained, Holder as WorkerHolder, PoolBuilder, PoolError, PoolPhase,
    PoolTimeout, StartPolicy, Status, WorkerGuard,
};
#[cfg(feature = "_talking")]
pub use secret::Secret;
#[cfg(feature = "_talking")]
pub use transport::HostKeys;

/// What the fuzz targets drive. Not part of the public API.
#[cfg(all(any(test, fuzzing), feature = "telnet"))]
#[doc(hidden)]
pub mod fuzzed {
    pub use crate::cli::fuzzed::{engine, screen};
    pub use crate::transport::telnet::fuzzed::telnet;
}

/// What the macros' expansions name. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::lock::private::*;
    pub use crate::pool::private::*;
}
