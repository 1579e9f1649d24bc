#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked(time_out = "5s")]
impl Session {
    async fn send(&self) {}
}

fn main() {}
