#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

impl Session {
    #[locked]
    fn send(&self, text: &str) -> usize {
        text.len()
    }
}

fn main() {}
