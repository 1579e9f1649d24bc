use conn_share::locked as serial;
use conn_share::{ConnLock, Lockable};

#[derive(Lockable)]
struct Session {
    lock: ConnLock,
}

#[serial]
impl Session {
    #[serial]
    async fn send(&self) {}
}

fn main() {}
