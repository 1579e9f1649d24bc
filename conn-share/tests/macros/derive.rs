//! `#[derive(Lockable)]`: where the lock is found, and what `recover` becomes.

use std::io;
use std::sync::Arc;

use conn_share::{ConnLock, Lockable, RecoverError};
use futures::FutureExt;

#[track_caller]
fn check<L: Lockable>(this: &L, lock: &ConnLock<L::State>) {
    assert!(std::ptr::eq(this.conn_lock(), lock));
}

type Line = ConnLock<u8>;

#[derive(Lockable)]
struct Named {
    _other: u8,
    lock: ConnLock<Option<String>>,
}

#[derive(Lockable)]
struct Unnamed(u8, conn_share::ConnLock<u8>);

#[derive(Lockable)]
struct Marked {
    _spare: ConnLock,
    #[lockable(lock)]
    line: Line,
}

#[derive(Lockable)]
struct Shared<T> {
    #[lockable(lock)]
    lock: Arc<ConnLock<T>>,
}

#[test]
fn the_lock_is_found() {
    let named = Named { _other: 1, lock: ConnLock::new(None) };
    check(&named, &named.lock);
    let unnamed = Unnamed(1, ConnLock::new(1));
    check(&unnamed, &unnamed.1);
    assert_eq!(unnamed.0, 1);
    let marked = Marked { _spare: ConnLock::new(()), line: ConnLock::new(1) };
    check(&marked, &marked.line);
    let shared = Shared { lock: Arc::new(ConnLock::new("x")) };
    check(&shared, &shared.lock);
}

#[derive(Lockable)]
#[lockable(recover = Self::reconnect)]
struct Failing {
    lock: ConnLock,
}

impl Failing {
    async fn reconnect(&self) -> io::Result<()> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

#[derive(Lockable)]
#[lockable(recover = tidy_up::<u8>)]
struct Generic {
    lock: ConnLock,
}

async fn tidy_up<T: Default>(_: &Generic) {
    drop(T::default());
}

#[derive(Lockable)]
#[lockable(accept_interrupted)]
struct Accepting {
    lock: ConnLock,
}

#[test]
fn recovery() {
    let recover = |this: &dyn Lockable<State = ()>| this.recover().now_or_never().expect("nothing waits here");
    let failing = recover(&Failing { lock: ConnLock::new(()) });
    assert!(matches!(failing, Err(RecoverError::Failed(error)) if error.to_string() == "connection refused"));
    assert!(recover(&Generic { lock: ConnLock::new(()) }).is_ok());
    assert!(recover(&Accepting { lock: ConnLock::new(()) }).is_ok());
    let none = Shared { lock: Arc::new(ConnLock::new(())) };
    assert!(matches!(recover(&none), Err(RecoverError::Unsupported)));
}

#[test]
fn it_is_object_safe_and_recovery_is_send() {
    fn is_send(_: impl Send) {}
    let accepting: Box<dyn Lockable<State = ()>> = Box::new(Accepting { lock: ConnLock::new(()) });
    is_send(accepting.recover());
}
