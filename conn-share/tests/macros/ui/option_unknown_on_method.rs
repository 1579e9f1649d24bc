#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
impl Session {
    #[locked(reentrant)]
    async fn send(&self) {}
}

fn main() {}
