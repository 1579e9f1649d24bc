#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session;

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
