//! Random schedules on two threads: calls of all kinds, dropped at random, on a few locks.

use std::cell::UnsafeCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};

use crate::line::{start, turn};
use crate::random::Random;

const ROUNDS: usize = 3_000;
const TASKS: usize = 8;

#[derive(Lockable, Default)]
#[lockable(recover = Self::recovered)]
struct Session {
    lock: ConnLock<u64>,
    /// Written without any other protection than the lock.
    bare: Bare,
    recoveries: AtomicUsize,
}

#[derive(Default)]
struct Bare(UnsafeCell<u64>);

// SAFETY: it is the test that there is no access beside the lock's.
unsafe impl Sync for Bare {}

#[locked]
impl Session {
    async fn count(&self) -> Result<(), LockError> {
        let before = *self.lock.state();
        // SAFETY: inside the section nobody else is here; a sanitizer or the sum at the end would tell.
        unsafe { *self.bare.0.get() += 1 };
        turn().await;
        let mut state = self.lock.state();
        assert_eq!(*state, before, "somebody else was in");
        *state += 1;
        Ok(())
    }

    async fn many(&self, random: u64) -> Result<(), LockError> {
        if random & 1 == 0 {
            self.count().await?;
        }
        if random & 2 == 0 {
            let (a, b, c) = tokio::join!(self.count(), self.exclusive(self.count()), self.count());
            a.and(b?).and(c)?;
        }
        if random & 4 == 0 {
            // One that is left half-done, dropped here.
            let mut cut: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(self.exclusive(turn()));
            let _ = start(cut.as_mut()).await;
        }
        Ok(())
    }

    #[unlocked]
    async fn recovered(&self) {
        self.recoveries.fetch_add(1, Ordering::Relaxed);
        // A count that was cut off left one of the two behind.
        let mut state = self.lock.state();
        // SAFETY: recovery runs under the lock.
        *state = unsafe { *self.bare.0.get() };
    }
}

async fn play(sessions: Arc<[Session; 3]>, seed: u64) -> usize {
    let mut random = Random::new(seed);
    let mut cut = 0;
    for _ in 0..ROUNDS {
        let session = &sessions[random.below(3) as usize];
        let picks = random.below(8);
        let mut call: Pin<Box<dyn Future<Output = Result<(), LockError>> + Send + '_>> = match random.below(3) {
            0 => Box::pin(session.count()),
            1 => Box::pin(session.many(picks)),
            _ => Box::pin(async move { session.exclusive(session.many(picks)).await? }),
        };
        if random.below(4) > 0 {
            call.await.unwrap();
            continue;
        }
        for _ in 0..random.below(6) {
            if start(call.as_mut()).await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        cut += 1;
    }
    cut
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_stuck() {
    let sessions: Arc<[Session; 3]> = Arc::default();
    let players: Vec<_> = (0..TASKS).map(|seed| tokio::spawn(play(Arc::clone(&sessions), seed as u64))).collect();
    for player in players {
        assert!(player.await.unwrap() > ROUNDS / 8);
    }
    for session in sessions.iter() {
        assert!(session.recoveries.load(Ordering::Relaxed) > 0, "nothing was cut off half-way");
        session.count().await.unwrap();
        assert!(session.lock.holder().is_none());
        assert_eq!(session.lock.waiters(), 0);
        session
            .exclusive(async {
                // SAFETY: inside the section.
                assert_eq!(*session.lock.state(), unsafe { *session.bare.0.get() });
            })
            .await
            .unwrap();
    }
}
