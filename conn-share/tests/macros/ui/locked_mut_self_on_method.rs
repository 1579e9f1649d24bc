#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

impl Session {
    #[locked]
    async fn send(&mut self) {}
}

fn main() {}
