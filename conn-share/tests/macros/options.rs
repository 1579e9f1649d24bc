//! `timeout` and `crate`, on the impl and on a method.

/// conn-share under another name.
mod renamed {
    pub(crate) use conn_share::*;
}

use std::io;

use renamed::{ConnLock, Lockable, locked};

use crate::probe::Probe;
use crate::probe::Together::One;

#[derive(Lockable, Default)]
#[lockable(accept_interrupted, crate = renamed)]
struct Session {
    lock: ConnLock,
    probe: Probe,
}

#[locked(timeout = "1m30s", crate = renamed,)]
impl Session {
    async fn inherits(&self) -> io::Result<()> {
        self.probe.visit().await;
        Ok(())
    }

    // Its own options take the place of the impl's: no timeout, so no `Result` is needed.
    #[locked]
    async fn overrides(&self) {
        self.probe.visit().await;
    }

    #[locked(timeout = "2s")]
    async fn timed(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.probe.visit().await;
        Ok(())
    }
}

#[test]
fn options() {
    let s = Session::default();
    s.probe.check((s.inherits(), s.overrides()), One);
    s.probe.check((s.timed(), s.timed()), One);
}
