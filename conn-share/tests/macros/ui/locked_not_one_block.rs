#![allow(unused)]
use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock<Vec<u8>>,
}

use std::future::Future;

#[locked]
impl Session {
    fn send(&self) -> impl Future<Output = ()> + Send {
        println!("not under the lock");
        std::future::ready(())
    }
}

fn main() {}
