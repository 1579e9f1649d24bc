//! A simulated router, served over SSH and Telnet: a mock device for tests, and something to play with.
//!
//! [`Router`] listens on two loopback ports that the system chooses. Its shell over SSH looks like FRR's `vtysh`, its
//! Telnet line like FRR's vty: a password, user mode, `enable`, a pager. It answers `show version`, `show
//! running-config`, `show ip ospf database`, `show ip route`, `show ip bgp` with tables that look real, `show ip route
//! A.B.C.D` with an answer that names the address, and whatever else [`RouterBuilder::command`] teaches it; it can be
//! configured, a little.
//!
//! What makes it a test's tool:
//!
//! - [`Router::log`] is a record of who was connected and which command ran when, in order and without clocks: it
//!   proves that commands overlapped, or that they did not.
//! - [`Router::hold`] makes a [`Gate`]: a command takes exactly as long as the test wants.
//! - [`Router::inject`] makes things go wrong: see [`Fault`].
//! - Output is made as fast as the client reads, and no faster, so it may be endless; see [`Output`].
//!
//! A router costs one task, and each session one (Telnet) or two (SSH).
//!
//! ```
//! use conn_share::sim::{EventKind, Router};
//! use tokio::io::AsyncWriteExt;
//! use tokio::net::TcpStream;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let router = Router::builder().hostname("r1").user("admin", "pw").start().await?;
//! let gate = router.hold("show version");
//!
//! let mut client = TcpStream::connect(router.telnet_addr()).await?;
//! client.write_all(b"pw\r\nshow version\r\n").await?;
//!
//! gate.waiting().await; // the command has started, and does not end before the test says so
//! gate.release();
//! router.logged(|event| event.kind == EventKind::CommandEnded).await;
//! # Ok(())
//! # }
//! ```
//!
//! Do not take it for a router's equal: it knows few commands, and what it prints is made up. What it does share with
//! FRR 8.4, compared by hand, is the dialogue: line ends, echo, prompts, the pager's line, refusals.

mod builder;
mod cli;
mod commands;
mod config;
mod converse;
mod editor;
mod events;
mod fault;
mod gate;
mod grammar;
mod hub;
mod model;
mod output;
mod router;
mod ssh;
mod tables;
mod telnet;
mod telnet_options;
mod wire;

pub use builder::RouterBuilder;
pub use events::{Event, EventKind, Protocol, SessionId};
pub use fault::{Fault, Scope};
pub use gate::Gate;
pub use hub::SessionInfo;
pub use model::Request;
pub use output::Output;
pub use router::Router;

#[cfg(test)]
mod tests;
