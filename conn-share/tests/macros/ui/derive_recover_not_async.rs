#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
#[lockable(recover = Self::reconnect)]
struct Session {
    lock: ConnLock,
}

impl Session {
    fn reconnect(&self) {}
}

#[locked]
impl Session {
    async fn send(&self) {}
}

fn main() {}
