#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
impl Session {
    async fn fine(&self) {}

    async fn send(&mut self, text: &str) {
        drop(text.to_owned());
    }

    async fn also_wrong(&mut self) {}
}

fn main() {}
