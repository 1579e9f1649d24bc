//! Tells whether two calls were inside at the same time.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[derive(Default)]
pub(crate) struct Probe {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Probe {
    /// What a method's body does: comes in, gives others their turn, goes.
    pub(crate) async fn visit(&self) {
        let inside = self.inside.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(inside, SeqCst);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.inside.fetch_sub(1, SeqCst);
    }

    /// Runs two calls side by side, to their end.
    #[track_caller]
    pub(crate) fn check(&self, calls: (impl Future, impl Future), expected: Together) {
        self.most.store(0, SeqCst);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::join!(calls.0, calls.1) });
        let most = self.most.load(SeqCst);
        assert_eq!(most, expected as usize, "calls inside at the same time");
    }
}

/// How many of the two may be inside at once.
#[derive(Clone, Copy)]
pub(crate) enum Together {
    /// The methods are locked.
    One = 1,
    /// They are not.
    Two = 2,
}
