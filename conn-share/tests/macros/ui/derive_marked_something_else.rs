#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    #[lockable(lock)]
    lock: std::sync::Mutex<u8>,
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
