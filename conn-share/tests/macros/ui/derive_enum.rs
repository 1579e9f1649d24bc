#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
enum Session {
    One(ConnLock),
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
