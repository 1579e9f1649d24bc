#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}


struct SessionError;

#[locked]
impl Session {
    async fn send(&self, text: &str) -> Result<(), SessionError> {
        if text.is_empty() { Err(SessionError) } else { Ok(()) }
    }
}

fn main() {}
