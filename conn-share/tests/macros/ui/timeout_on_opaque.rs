#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked(timeout = "5s")]
impl Session {
    async fn receive(&self) -> impl Copy + use<> {
        1
    }
}

fn main() {}
