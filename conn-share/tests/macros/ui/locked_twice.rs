#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
#[locked(timeout = "5s")]
impl Session {
    async fn send(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {}
