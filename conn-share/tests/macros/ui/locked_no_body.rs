#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}


trait Sends: Lockable {
    #[locked]
    async fn send(&self);
}

fn main() {}
