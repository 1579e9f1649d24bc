#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
#[lockable(lock)]
struct Session {
    lock: ConnLock,
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
