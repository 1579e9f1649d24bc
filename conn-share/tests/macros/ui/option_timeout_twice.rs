#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked(timeout = "5s", timeout = "6s")]
impl Session {
    async fn send(&self) {}
}

fn main() {}
