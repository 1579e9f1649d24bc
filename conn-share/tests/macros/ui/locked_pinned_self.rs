#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

use std::pin::Pin;

#[locked]
impl Session {
    async fn send(self: Pin<&mut Self>) {}
}

fn main() {}
