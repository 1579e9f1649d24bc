//! `#[locked]`, `#[derive(Lockable)]` and `#[pooled]`, as users write them.
#![allow(clippy::unwrap_used, reason = "a test says with it what it expects")]

mod arguments;
mod attributes;
mod conditional;
mod derive;
mod errors;
mod forms;
mod generics;
mod hygiene;
mod lints;
mod options;
mod pooled;
mod probe;
mod running;
mod size;
mod spans;
mod twin;
mod ui;
