//! One thread that says, once for each wait that lasts too long, who waits for whom.
//!
//! It keeps a coarse clock for the queues of all locks (so that a contended call reads no clock) and a list of the
//! locks that had a waiter lately. It starts with the first wait of the process and sleeps while its list is empty.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::core::Core;
use super::queue::Granted;
use super::site::Site;

/// How often the list is looked through: a tenth of a second is nothing beside a threshold of seconds, and ten looks a
/// second at a short list cost nothing.
const TICK: Duration = Duration::from_millis(100);

static NOW: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static WATCH: LazyLock<Watch> = LazyLock::new(Watch::start);

struct Watch {
    list: Mutex<Vec<Weak<Core>>>,
    not_empty: Condvar,
}

/// Milliseconds on the coarse clock, never early: what is measured from here is at least as long as it says.
pub(crate) fn now() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// Milliseconds of the exact clock since `since` on the coarse one.
pub(crate) fn elapsed(since: u64) -> Duration {
    Duration::from_millis(exact_now().saturating_sub(since))
}

/// Puts the lock on the list, unless it is there; returns the coarse time.
pub(crate) fn watch(core: &Arc<Core>) -> u64 {
    if cfg!(all(test, shuttle)) {
        return now(); // the explorer owns all threads
    }
    if !core.watched.load(Ordering::Relaxed) && !core.watched.swap(true, Ordering::Relaxed) {
        let watch = &*WATCH;
        watch.list().push(Arc::downgrade(core));
        watch.not_empty.notify_one();
        refresh();
    }
    now()
}

/// Milliseconds on the exact clock.
pub(crate) fn exact_now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The coarse clock shows the end of the tick that runs, so that durations come out short rather than long.
fn refresh() {
    NOW.fetch_max(exact_now() + TICK.as_millis() as u64, Ordering::Relaxed);
}

impl Watch {
    fn start() -> Self {
        // Without the thread nothing is lost but the warnings; there is nobody to tell.
        let _ = thread::Builder::new().name("conn-share-watchdog".into()).spawn(|| WATCH.run());
        Self { list: Mutex::default(), not_empty: Condvar::new() }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Core>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut polls = HashMap::new();
        loop {
            let list = self.list();
            let list = self.not_empty.wait_while(list, |list| list.is_empty()).unwrap_or_else(PoisonError::into_inner);
            let watched: Vec<_> = list.iter().filter_map(Weak::upgrade).collect();
            drop(list);
            refresh();
            for core in &watched {
                // A subscriber that panics must not silence the watchdog, whose clock all locks read.
                let _ = catch_unwind(AssertUnwindSafe(|| report_slow_waits(core, &mut polls)));
            }
            drop(watched);
            self.forget_idle(&mut polls);
            thread::sleep(TICK);
        }
    }

    fn forget_idle(&self, polls: &mut HashMap<usize, Polls>) {
        // Whoever queues holds the mutex of its queue and may want the list's: never take them the other way round.
        let mut list = std::mem::take(&mut *self.list());
        list.retain(|core| {
            let Some(core) = core.upgrade() else {
                polls.remove(&core.as_ptr().addr());
                return false;
            };
            let queue = core.queue();
            let busy = queue.waiting() > 0;
            if !busy {
                // Under the queue's mutex: who queues next sees the flag down and comes back on the list.
                core.watched.store(false, Ordering::Relaxed);
                polls.remove(&core.key());
            }
            busy
        });
        if list.is_empty() {
            polls.clear();
        }
        self.list().append(&mut list);
    }
}

/// How often a lock's sections had been polled, and since when that has not changed.
struct Polls {
    count: u32,
    since: u64,
}

/// A wait over the threshold.
struct SlowWait {
    site: &'static Site,
    waited: Duration,
    /// Who has the turn that it waits for, where that is a sibling's.
    turn: Option<&'static Site>,
}

fn report_slow_waits(core: &Core, polls: &mut HashMap<usize, Polls>) {
    let now = exact_now();
    let last = polls.entry(core.key()).or_insert(Polls { count: core.polls(), since: now });
    if last.count != core.polls() {
        *last = Polls { count: core.polls(), since: now };
    }
    let idle = Duration::from_millis(now.saturating_sub(last.since));

    let mut queue = core.queue();
    let unclaimed = queue.granted.filter(|_| core.is_granted());
    let holder = core.holder_seen(&mut queue);
    if unclaimed.is_none() && holder.is_none() {
        return; // between two holders: the next look finds out
    }
    let slow: Vec<_> = queue
        .waiters()
        .filter(|waiter| !waiter.warned && elapsed(waiter.since) >= core.limits.slow_wait())
        .map(|waiter| {
            waiter.warned = true;
            SlowWait {
                site: waiter.site,
                waited: elapsed(waiter.since),
                turn: core.turn(waiter.parent).filter(|_| waiter.parent > 0),
            }
        })
        .collect();
    drop(queue);

    for wait in slow {
        match (unclaimed, holder) {
            (Some(granted), _) => wait.report_unclaimed(granted),
            (None, Some((holder, held))) => match wait.turn {
                Some(turn) => wait.report_sibling(holder, turn),
                None => wait.report_held(holder, held, idle),
            },
            (None, None) => {}
        }
    }
}

impl SlowWait {
    fn report_unclaimed(&self, Granted { site: next, at }: Granted) {
        let Self { site, waited, .. } = self;
        tracing::warn!(
            target: "conn_share::lock",
            waiter = %site,
            next = %next,
            ?waited,
            unpolled = ?elapsed(at),
            "{site} has waited {waited:.1?} for a lock that was given to {next}, whose future nobody polls: is it kept \
             by reference in a `select!`, or in a stream that is not being driven? Drop it or poll it",
        );
    }

    fn report_held(&self, holder: &Site, held: Duration, idle: Duration) {
        let Self { site, waited, .. } = self;
        tracing::warn!(
            target: "conn_share::lock",
            waiter = %site,
            holder = %holder,
            ?waited,
            ?held,
            ?idle,
            "{site} has waited {waited:.1?} for a lock held by {holder} for at least {held:.1?}, which was not polled \
             for the last {idle:.1?}: its peer is silent, it waits for a task that needs this lock, or its future is \
             kept somewhere and nobody polls it",
        );
    }

    /// Polls are not counted for it: nobody else waits.
    fn report_sibling(&self, holder: &Site, turn: &Site) {
        let Self { site, waited, .. } = self;
        tracing::warn!(
            target: "conn_share::lock",
            waiter = %site,
            holder = %holder,
            nested = %turn,
            ?waited,
            "{site} has waited {waited:.1?} for its turn inside {holder}, which {turn} has: calls of one section \
             take turns, and that one has not ended; its peer is silent, or its future is kept somewhere and \
             nobody polls it",
        );
    }
}
