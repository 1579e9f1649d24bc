#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
union Session {
    lock: std::mem::ManuallyDrop<ConnLock>,
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
