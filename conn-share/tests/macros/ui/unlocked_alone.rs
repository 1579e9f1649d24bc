#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

use conn_share::unlocked;

impl Session {
    #[unlocked]
    async fn peek(&self) {}
}

fn main() {}
