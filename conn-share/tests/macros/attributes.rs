//! Attributes of others on and in locked methods.

use std::io;

use conn_share::{ConnLock, Lockable, locked, unlocked};

use crate::probe::Probe;
use crate::probe::Together::{One, Two};

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
    probe: Probe,
}

/// Documented.
#[locked]
#[allow(clippy::mixed_attributes_style)]
impl Session {
    #![allow(clippy::missing_errors_doc)]

    /// Sends; see [`Session::receive`].
    #[tracing::instrument(skip(self), err, ret)]
    async fn instrumented(&self, text: &str) -> io::Result<usize> {
        self.probe.visit().await;
        Ok(text.len())
    }

    #[must_use = "the reply is the point"]
    #[inline]
    async fn receive(&self) -> usize {
        self.probe.visit().await;
        1
    }

    async fn allowed_inside(&self) -> usize {
        #![allow(unused_variables)]
        let nobody_reads_this = 5;
        self.probe.visit().await;
        2
    }

    #[deprecated = "use receive"]
    #[track_caller]
    #[allow(ungated_async_fn_track_caller)]
    async fn old(&self) {
        self.probe.visit().await;
    }

    #[unlocked]
    async fn peek(&self) {
        self.probe.visit().await;
    }

    #[conn_share::unlocked]
    async fn peek_by_path(&self) {
        self.probe.visit().await;
    }

    #[unlocked]
    async fn exclusive_access(&mut self) -> usize {
        3
    }

    #[unlocked]
    fn not_one_block(&self) -> impl Future<Output = ()> {
        self.probe.visit()
    }

    #[unlocked]
    const fn constant(&self) -> usize {
        4
    }
}

struct Single(Session);

impl Lockable for Single {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.0.lock
    }
}

impl Single {
    #[tracing::instrument(skip_all)]
    #[locked]
    async fn instrument_above(&self) -> io::Result<()> {
        self.0.probe.visit().await;
        Ok(())
    }

    #[locked]
    #[tracing::instrument(skip_all)]
    async fn instrument_below(&self) -> io::Result<()> {
        self.0.probe.visit().await;
        Ok(())
    }
}

#[test]
fn with_attributes_of_others() {
    let mut s = Session::default();
    s.probe.check((s.instrumented("x"), s.receive()), One);
    s.probe.check((s.instrumented("x"), s.instrumented("x")), One);
    s.probe.check((s.allowed_inside(), s.allowed_inside()), One);
    #[allow(deprecated)]
    s.probe.check((s.old(), s.old()), One);
    assert_eq!(futures::FutureExt::now_or_never(s.exclusive_access()), Some(3));
    assert_eq!(s.constant(), 4);
    let single = Single(s);
    single.0.probe.check((single.instrument_above(), single.instrument_below()), One);
    single.0.probe.check((single.instrument_above(), single.instrument_above()), One);
    single.0.probe.check((single.instrument_below(), single.instrument_below()), One);
}

/// `#[unlocked]` needs no import, not even where the impl is in a function.
#[test]
fn in_a_function() {
    #[derive(Lockable, Default)]
    struct Local {
        lock: ConnLock,
        probe: Probe,
    }

    #[locked]
    impl Local {
        async fn locked(&self) {
            self.probe.visit().await;
        }

        #[unlocked]
        async fn not_locked(&self) {
            self.probe.visit().await;
        }
    }

    let s = Local::default();
    s.probe.check((s.locked(), s.locked()), One);
    s.probe.check((s.not_locked(), s.locked()), Two);
}

mod without_import {
    use conn_share::{ConnLock, Lockable, locked};

    #[derive(Lockable, Default)]
    pub(super) struct Session {
        lock: ConnLock,
        pub(super) probe: crate::probe::Probe,
    }

    #[locked]
    impl Session {
        pub(super) async fn locked(&self) {
            self.probe.visit().await;
        }

        #[unlocked]
        pub(super) async fn peek(&self) {
            self.probe.visit().await;
        }
    }

    #[locked]
    impl Session {
        #[unlocked]
        pub(super) async fn look(&self) {
            self.probe.visit().await;
        }
    }
}

#[test]
fn without_import() {
    let s = without_import::Session::default();
    s.probe.check((s.peek(), s.locked()), Two);
    s.probe.check((s.peek(), s.look()), Two);
}

#[test]
fn unlocked_methods_are_not_locked() {
    let s = Session::default();
    s.probe.check((s.peek(), s.peek()), Two);
    s.probe.check((s.peek_by_path(), s.receive()), Two);
    s.probe.check((s.not_one_block(), s.receive()), Two);
}
