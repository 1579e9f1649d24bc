use conn_share::{ConnLock, Lockable, locked};

#[derive(Lockable)]
struct Session {
    lock: ConnLock,
}

#[locked(span, span)]
impl Session {
    async fn send(&self) {}
}

fn main() {}
