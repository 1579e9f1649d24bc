//! A simulated router, served over SSH and Telnet: a mock device for tests, and something to play with.

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
