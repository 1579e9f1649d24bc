//! `#[locked]`, `#[derive(Lockable)]` and `#[pooled]`, as users write them.

mod inherent;
