#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

impl Session {
    #[locked]
    async fn connect(host: &str) -> usize {
        host.len()
    }
}

fn main() {}
