//! What a locked method's future costs, beside the same body under a guard of a raw mutex.

use std::io;

use conn_share::{ConnLock, Lockable, locked};
use tokio::sync::Mutex;

#[derive(Lockable)]
struct Session {
    lock: ConnLock,
    raw: Mutex<()>,
}

macro_rules! pair {
    ($locked:ident $raw:ident ($self:ident $(, $argument:ident: $ty:ty)*) -> $output:ty $body:block) => {
        #[locked]
        impl Session {
            async fn $locked(&$self $(, $argument: $ty)*) -> $output $body
        }

        impl Session {
            async fn $raw(&$self $(, $argument: $ty)*) -> $output {
                let _guard = $self.raw.lock().await;
                $body
            }
        }
    };
}

pair!(execute execute_raw(self, command: &str) -> io::Result<usize> {
    tokio::task::yield_now().await;
    Ok(command.len())
});

pair!(buffer buffer_raw(self, command: &str) -> io::Result<usize> {
    let buffer = [0_u8; 512];
    tokio::task::yield_now().await;
    Ok(command.len() + buffer.len())
});

pair!(nothing nothing_raw(self) -> () {});

#[track_caller]
fn check<L, R>(locked: L, raw: R, more: usize) {
    let (locked, raw) = (size_of_val(&locked), size_of_val(&raw));
    assert!(locked <= raw + more, "{locked} bytes; {raw} with a raw guard");
}

/// Small futures are smaller than with a raw guard, whose waiting takes more room than ours.
#[test]
fn futures_are_small() {
    let s = Session { lock: ConnLock::new(()), raw: Mutex::new(()) };
    check(s.execute(""), s.execute_raw(""), 0);
    check(s.nothing(), s.nothing_raw(), 0);
    // Here both wait in the room of the buffer, and what we need beside it shows. Eight of it are the lock's address: see
    // `fickle` among the lock's tests.
    check(s.buffer(""), s.buffer_raw(""), 56);
}
