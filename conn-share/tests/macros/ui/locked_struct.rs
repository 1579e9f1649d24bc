#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

#[locked]
struct Other {
    name: String,
}

fn uses(other: &Other) -> &str {
    &other.name
}

fn main() {}
