//! Share connections to network devices between Tokio tasks.
//!
//! # Why
//!
//! A connection to a router (an SSH shell, Telnet, a console line) is a conversation: a command goes out, and what comes
//! back up to the next prompt is its answer. Two tasks that talk at once read each other's answers. A mutex around the
//! connection helps until somebody drops a future: half a command is on the wire, its answer arrives later, and the next
//! holder of the mutex takes it for its own.
//!
//! conn-share makes such connections shareable, from the bottom up: a lock that knows when a call was cut off, a pool
//! that hands out whole conversations, sessions that prove where an answer ends, and devices that bind them together.
//! The lock and the pool know nothing of devices and serve any resource.
//!
//! # One lock
//!
//! [`#[locked]`](macro@locked) makes the async methods of a type run one at a time per instance, first come, first
//! served. A locked method may call others of the same instance: they are part of the same call chain and go in.
//!
//! ```
//! use std::io;
//!
//! use conn_share::{ConnLock, Lockable, locked};
//!
//! #[derive(Lockable)]
//! #[lockable(recover = Self::clear)] // what to do after a call was cut off half-way
//! struct Line {
//!     lock: ConnLock<Vec<String>>, // owns what the lock protects
//! }
//!
//! #[locked]
//! impl Line {
//!     async fn send(&self, text: &str) -> io::Result<()> {
//!         self.lock.state().push(text.to_owned());
//!         Ok(())
//!     }
//!
//!     async fn receive(&self) -> io::Result<String> {
//!         tokio::task::yield_now().await; // others get to run, and wait
//!         self.lock.state().pop().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
//!     }
//!
//!     async fn execute(&self, command: &str) -> io::Result<String> {
//!         self.send(command).await?;
//!         self.receive().await
//!     }
//! }
//!
//! impl Line {
//!     async fn clear(&self) {
//!         self.lock.state().clear();
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> io::Result<()> {
//! let line = Line { lock: ConnLock::new(Vec::new()) };
//! let (one, other) = tokio::join!(line.execute("show clock"), line.execute("show version"));
//! assert_eq!((one?.as_str(), other?.as_str()), ("show clock", "show version"));
//! # Ok(()) }
//! ```
//!
//! [`ConnLock`] is the lock itself, [`LockableExt::exclusive`] holds it over several calls, and [`LockError`] says why a
//! lock was not taken: who has it, or which methods wait for each other in a cycle.
//!
//! # One pool
//!
//! A lock makes callers wait; several connections let them work side by side. [`AsyncPool`] keeps identical ones,
//! *workers*, and lends each request a free one in the order of the requests.
//!
//! ```
//! use std::time::Duration;
//!
//! use conn_share::AsyncPool;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), conn_share::PoolError> {
//! let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(String::from("a session")) })
//!     .size(2)
//!     .timeout(Duration::from_secs(10)) // by default a request waits for its turn without end
//!     .start()
//!     .await?;
//!
//! let worker = pool.get().await?; // derefs to the connection, may be kept and sent to other tasks
//! assert_eq!(worker.len(), 9);
//! drop(worker); // back in the pool, without waiting
//! assert_eq!(pool.status().idle, 2);
//! # Ok(()) }
//! ```
//!
//! A [`Connector`] says how workers are checked, reset and closed. [`#[pooled]`](macro@pooled) makes a pool wear a trait
//! of its workers.
//!
//! # One device
//!
//! [`SshConnection`] and [`TelnetConnection`] are [`Connection`]s: locked, and sure of where an answer ends. A [`Device`]
//! keeps them under aliases, opens them by path (`via`), one at a time or as pools, and never more of them than the
//! device allows. [`pcall`] makes calls side by side.
//!
//! ```
//! use conn_share::{ConnectOptions, Device, HostKeys, Path, SshConnection, pcall};
//!
//! # #[cfg(feature = "sim")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await?;
//! # let known_hosts = std::env::temp_dir().join(format!("conn-share-doc-{}", std::process::id()));
//! # router.write_known_hosts(&known_hosts)?;
//! # let (host, port) = (router.ssh_addr().ip().to_string(), router.ssh_addr().port());
//! let trusted = HostKeys::known().file(&known_hosts); // unknown keys are refused
//! let device = Device::builder("r1")
//!     .os("frr")
//!     .login("admin", "pw")
//!     .path("mgmt", Path::ssh(host).port(port))
//!     .options(ConnectOptions::new().host_keys(trusted))
//!     .max_sessions(4)
//!     .build()?;
//!
//! device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(2)).await?;
//! let replies = pcall(["show version", "show ip route"], |command| device.execute(command)).await;
//! for reply in replies {
//!     let reply = reply?.ok()?; // a command that the device refused becomes an error here
//!     println!("{} lines in {:?}", reply.lines().count(), reply.elapsed());
//! }
//! device.disconnect_all().await?;
//! # std::fs::remove_file(known_hosts)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sim"))]
//! # fn main() {}
//! ```
//!
//! `Testbed` reads devices from a pyATS testbed file, and `sim` is a router to test against.
//!
//! # What is promised under cancellation
//!
//! **In `execute`, `configure`, and everything inside one `exclusive` section or one [`WorkerGuard`], a caller never reads
//! another caller's output, never hangs without being told why, and never leaks a worker**: also when futures are dropped,
//! peers die and devices lie.
//!
//! Any future of this crate may be dropped at any point, by a timeout, a `select!` or an aborted task. What then happens:
//!
//! | Dropped | What is lost | What the next caller finds |
//! |---|---|---|
//! | while it waits for a lock or a worker | its place in the queue | its own turn |
//! | inside a locked method | what the method had done so far | `recover` runs first; without one, [`LockError::Interrupted`] |
//! | inside `execute` | the answer; the device may have run the command | a session back in step, or a new one |
//! | inside `configure` | the answer; some of the lines may be applied | the same |
//! | a [`WorkerGuard`] | nothing: the worker goes back | a worker checked, reset or replaced |
//!
//! Each public async function says the same about itself under "Cancel safety".
//!
//! ```
//! use std::time::Duration;
//!
//! use conn_share::{Connection, HostKeys, SshConnection, Target};
//!
//! # #[cfg(feature = "sim")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await?;
//! # let known_hosts = std::env::temp_dir().join(format!("conn-share-doc-cut-{}", std::process::id()));
//! # router.write_known_hosts(&known_hosts)?;
//! # let (host, port) = (router.ssh_addr().ip().to_string(), router.ssh_addr().port());
//! let target = Target::new(host).port(port).username("admin").password("pw").platform("frr");
//! let session = SshConnection::new(&target.host_keys(HostKeys::known().file(&known_hosts)))?;
//! session.connect().await?;
//!
//! # let gate = router.hold("show ip bgp");
//! let slow = session.execute("show ip bgp"); // takes longer than we have
//! # let slow = async { tokio::select! { reply = slow => reply.map(drop), () = gate.waiting() => std::future::pending().await } };
//! tokio::time::timeout(Duration::from_millis(200), slow).await.unwrap_err();
//! # gate.release();
//!
//! let version = session.execute("show version").await?; // the version, and not a route of it
//! assert!(version.starts_with("FRRouting"), "{version}");
//! # session.disconnect().await?;
//! # std::fs::remove_file(known_hosts)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sim"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! They only add; none changes what another does.
//!
//! | Feature | Default | What it adds |
//! |---|---|---|
//! | `macros` | yes | `#[locked]`, `#[unlocked]`, `#[derive(Lockable)]`, `#[pooled]` |
//! | `ssh` | yes | `SshConnection`, and everything that talks to devices |
//! | `telnet` | yes | `TelnetConnection`, and everything that talks to devices |
//! | `testbed` | no | `Testbed`: the pyATS testbed file |
//! | `sim` | no | `sim`: a simulated router over SSH and Telnet |
//!
//! The lock and the pool alone, on tokio (`rt`, `sync`, `time`), thiserror and tracing:
//! `default-features = false, features = ["macros"]`.
//!
//! # Further reading
//!
#![cfg_attr(
    all(feature = "sim", feature = "testbed"),
    doc = "The [`guide`]: coming from pyATS, coming from other pools, reaching a device by SSH, when not to use this, what a \
           lock does not protect, futures that are kept and not polled, writing a platform."
)]
#![cfg_attr(
    not(all(feature = "sim", feature = "testbed")),
    doc = "The guide is in the documentation built with all features."
)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod lock;
mod pool;
#[cfg(all(test, shuttle))]
mod schedules;

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
// Prose alone: nothing of it is in a program. Its examples use every feature.
#[cfg(all(any(doc, doctest), feature = "sim", feature = "testbed"))]
pub mod guide;
#[cfg(feature = "_talking")]
mod secret;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "_talking")]
mod transport;
#[cfg(feature = "testbed")]
mod yaml;

#[cfg(feature = "_talking")]
pub use cli::{Interaction, Platform, Proof};
#[cfg(feature = "macros")]
pub use conn_share_macros::{Lockable, locked, pooled, unlocked};
#[cfg(feature = "telnet")]
pub use connection::TelnetConnection;
#[cfg(feature = "_talking")]
pub use connection::{
    BoxedSection, Connection, ConnectionClass, Credential, ExecuteOptions, OnLine, Recording, ReplayConnection, Reply,
    SessionLog, SessionOptions, SessionStatus, Target,
};
#[cfg(feature = "ssh")]
pub use connection::{ExecCommand, ExecOutput, SshConnection, SshExec};
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
pub use transport::{HostKeys, SshAgent};

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

/// The front page: what it shows is compiled and run.
#[cfg(all(doctest, feature = "sim"))]
#[doc = include_str!("../../README.md")]
struct FrontPage;
