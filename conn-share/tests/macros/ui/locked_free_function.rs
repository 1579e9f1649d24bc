#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
async fn send(session: &Session) {
    drop(session);
}

fn main() {}
