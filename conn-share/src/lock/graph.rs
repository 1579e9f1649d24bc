//! Who waits for whom, so that a cycle is an error instead of a hang.
//!
//! Only waits that hold something and have no limit of their own are entered: a chain that holds nothing cannot be
//! part of a cycle, and a wait that ends by itself breaks it. A wait for a lock is a wait for all its sections deeper
//! than those that the waiter itself belongs to: deeper than 0 for a stranger, deeper than its parent for a sibling.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::core::Core;
use super::raw;
use super::site::Site;

/// A section: its lock and its depth there.
#[derive(Clone, Copy)]
struct Held {
    lock: usize,
    depth: u32,
    site: &'static Site,
}

/// What is waited for: all sections of this lock deeper than that.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) lock: usize,
    pub(crate) deeper_than: u32,
}

impl Wanted {
    fn is_blocked_by(self, held: &Held) -> bool {
        held.lock == self.lock && held.depth > self.deeper_than
    }
}

struct Wait {
    site: &'static Site,
    wanted: Wanted,
    held: Vec<Held>,
}

/// All waits that could be part of a cycle.
#[derive(Default)]
struct Graph {
    waits: HashMap<u64, Wait>,
    /// For each lock the waits that hold a section of it.
    holding: HashMap<usize, Vec<u64>>,
}

static GRAPH: LazyLock<Mutex<Graph>> = LazyLock::new(Mutex::default);
static IDS: AtomicU64 = AtomicU64::new(1);

fn graph() -> MutexGuard<'static, Graph> {
    GRAPH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One step of a cycle: this method waits for a lock that the next one in the list has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) waits: &'static Site,
    pub(crate) holds: &'static Site,
}

/// A wait in the table; leaves it when dropped.
pub(crate) struct Registered {
    id: u64,
    held: u64,
}

impl Registered {
    /// Enters the wait of the current chain, or says which cycle it would close. `None`: the chain holds nothing.
    #[inline]
    pub(crate) fn enter(site: &'static Site, wanted: Wanted) -> Result<Option<Self>, Vec<Step>> {
        if raw::is_bare() { Ok(None) } else { Self::enter_holding(site, wanted) }
    }

    fn enter_holding(site: &'static Site, wanted: Wanted) -> Result<Option<Self>, Vec<Step>> {
        let mut held = Vec::new();
        raw::chain(|frame| -> Option<()> {
            frame.mark();
            held.push(Held { lock: frame.key(), depth: frame.depth(), site: frame.site() });
            None
        });
        if held.is_empty() {
            return Ok(None);
        }
        let fingerprint = fingerprint();
        let wait = Wait { site, wanted, held };
        let mut graph = graph();
        if let Some(cycle) = graph.cycle(&wait) {
            return Err(cycle);
        }
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        graph.insert(id, wait);
        Ok(Some(Self { id, held: fingerprint }))
    }

    /// Whether the current chain holds what it held when the wait was entered.
    pub(crate) fn is_current(&self) -> bool {
        self.held == fingerprint()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        graph().remove(self.id);
    }
}

/// The section at `depth` of `core` has ended while a wait that was polled under it may live on elsewhere.
pub(crate) fn forget_section(core: &Core, depth: u32) {
    graph().forget_section(core.key(), depth);
}

/// The lock is gone, and another one may come to stand at its address. Futures that were leaked under it, and only those,
/// still have waits here.
pub(crate) fn forget_lock(core: &Core) {
    graph().forget_lock(core.key());
}

/// A value that differs, in practice, for chains that hold different sections.
fn fingerprint() -> u64 {
    let mut sum = 0_u64;
    raw::chain(|frame| -> Option<()> {
        sum = sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(frame.key() as u64 ^ u64::from(frame.depth()));
        None
    });
    sum
}

impl Graph {
    fn insert(&mut self, id: u64, wait: Wait) {
        for held in &wait.held {
            let ids = self.holding.entry(held.lock).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        self.waits.insert(id, wait);
    }

    fn remove(&mut self, id: u64) {
        let Some(wait) = self.waits.remove(&id) else { return };
        for held in wait.held {
            self.unlink(held.lock, id);
        }
    }

    fn unlink(&mut self, lock: usize, id: u64) {
        if let Some(ids) = self.holding.get_mut(&lock) {
            ids.retain(|&other| other != id);
            if ids.is_empty() {
                self.holding.remove(&lock);
            }
        }
    }

    fn forget_section(&mut self, lock: usize, depth: u32) {
        for id in self.holding.get(&lock).cloned().unwrap_or_default() {
            let Some(wait) = self.waits.get_mut(&id) else { continue };
            wait.held.retain(|held| held.lock != lock || held.depth != depth);
            if !wait.held.iter().any(|held| held.lock == lock) {
                self.unlink(lock, id);
            }
        }
    }

    fn forget_lock(&mut self, lock: usize) {
        for id in self.holding.remove(&lock).unwrap_or_default() {
            let Some(wait) = self.waits.get_mut(&id) else { continue };
            wait.held.retain(|held| held.lock != lock);
            if wait.held.is_empty() {
                self.waits.remove(&id);
            }
        }
    }

    /// The cycle that `closing` would close: from what it wants, over waits that hold that, back to what it holds.
    fn cycle(&self, closing: &Wait) -> Option<Vec<Step>> {
        let mut seen = HashSet::new();
        let mut way: Vec<(u64, Held)> = Vec::new();
        loop {
            let wanted = way.last().map_or(closing.wanted, |(id, _)| self.waits[id].wanted);
            let Some((id, blocker)) = self.unseen_blocker(wanted, &seen) else {
                way.pop()?;
                continue;
            };
            seen.insert(id);
            way.push((id, blocker));
            let wanted = self.waits[&id].wanted;
            if let Some(own) = closing.held.iter().find(|held| wanted.is_blocked_by(held)) {
                return Some(self.steps(closing, &way, *own));
            }
        }
    }

    /// A wait not seen yet that holds what is wanted, and with which section.
    fn unseen_blocker(&self, wanted: Wanted, seen: &HashSet<u64>) -> Option<(u64, Held)> {
        self.holding.get(&wanted.lock)?.iter().filter(|id| !seen.contains(id)).find_map(|id| {
            let blocker = self.waits[id].held.iter().find(|held| wanted.is_blocked_by(held))?;
            Some((*id, *blocker))
        })
    }

    fn steps(&self, closing: &Wait, way: &[(u64, Held)], own: Held) -> Vec<Step> {
        let waits = std::iter::once(closing.site).chain(way.iter().map(|(id, _)| self.waits[id].site));
        let holds = way.iter().map(|(_, blocker)| blocker.site).chain(std::iter::once(own.site));
        waits.zip(holds).map(|(waits, holds)| Step { waits, holds }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::{ConnLock, Lockable, LockableExt};

    impl Lockable for ConnLock {
        type State = ();

        fn conn_lock(&self) -> &ConnLock {
            self
        }
    }

    #[test]
    fn a_lock_that_is_gone_leaves_no_leaked_wait_behind() {
        let mut cx = Context::from_waker(Waker::noop());
        let (one, two) = (ConnLock::new(()), ConnLock::new(()));
        let key = one.core().key();
        {
            let mut holder = pin!(two.exclusive(std::future::pending::<()>()));
            assert!(holder.as_mut().poll(&mut cx).is_pending());
            let mut waits = Box::pin(one.exclusive(two.exclusive(async {})));
            assert!(waits.as_mut().poll(&mut cx).is_pending());
            std::mem::forget(waits);
        }
        assert!(graph().holding.contains_key(&key));
        drop(one);
        assert!(!graph().holding.contains_key(&key), "the next lock at this address would be accused");
        assert!(!graph().waits.values().any(|wait| wait.wanted.lock == two.core().key()));
    }
}
