#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

type Bytes = Vec<u8>;

#[locked(timeout = "5s")]
impl Session {
    async fn fine(&self) -> std::io::Result<()> {
        Ok(())
    }

    async fn receive(&self) -> Bytes {
        Vec::new()
    }
}

fn main() {}
