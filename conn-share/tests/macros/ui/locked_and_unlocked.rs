#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

use conn_share::unlocked;

#[locked]
impl Session {
    #[locked]
    #[unlocked]
    async fn send(&self) {}
}

fn main() {}
