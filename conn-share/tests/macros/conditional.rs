//! `cfg` and `cfg_attr`.
#![allow(clippy::non_minimal_cfg, reason = "`all()` is true and `any()` is false, whatever the features")]

use conn_share::{ConnLock, Lockable, locked, unlocked};

use crate::probe::Probe;
use crate::probe::Together::{One, Two};

#[cfg_attr(all(), derive(Lockable))]
#[derive(Default)]
struct Session {
    #[cfg(any())]
    gone: ConnLock<NoSuchType>,
    #[cfg(all())]
    lock: ConnLock,
    probe: Probe,
}

#[cfg_attr(all(), locked)]
impl Session {
    #[cfg(any())]
    async fn gone(&mut self) -> NoSuchType {}

    #[cfg(all())]
    async fn here(&self) {
        self.probe.visit().await;
    }

    #[cfg_attr(all(), unlocked)]
    async fn unlocked_here(&self) {
        self.probe.visit().await;
    }

    #[cfg_attr(any(), unlocked)]
    async fn unlocked_elsewhere(&self) {
        self.probe.visit().await;
    }

    #[cfg_attr(all(), doc = "Text.", locked(timeout = "5s"), inline)]
    async fn override_here(&self) -> std::io::Result<usize> {
        self.probe.visit().await;
        Ok(1)
    }

    // Where it applies it would not compile: the method returns no `Result`.
    #[cfg_attr(any(), locked(timeout = "5s"))]
    async fn override_elsewhere(&self) {
        self.probe.visit().await;
    }

    #[cfg_attr(all(), cfg_attr(all(), unlocked))]
    async fn nested(&self) {
        self.probe.visit().await;
    }

    async fn inside(&self, #[cfg(any())] gone: NoSuchType, #[cfg(all())] here: usize) -> usize {
        #[cfg(any())]
        drop(gone);
        self.probe.visit().await;
        here
    }
}

#[test]
fn conditions_are_respected() {
    let s = Session::default();
    s.probe.check((s.here(), s.here()), One);
    s.probe.check((s.unlocked_here(), s.unlocked_here()), Two);
    s.probe.check((s.unlocked_elsewhere(), s.unlocked_elsewhere()), One);
    s.probe.check((s.override_here(), s.override_here()), One);
    s.probe.check((s.override_elsewhere(), s.override_elsewhere()), One);
    s.probe.check((s.nested(), s.nested()), Two);
    s.probe.check((s.inside(1), s.inside(2)), One);
}
