#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    name: String,
    other: std::sync::Arc<ConnLock>,
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
