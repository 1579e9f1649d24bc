#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
impl Session {
    fn fine(&self) {}

    #[locked(timeout = "5s")]
    fn send(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {}
