#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session(#[lockable(lock)] ConnLock, #[lockable(lock)] ConnLock);

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
