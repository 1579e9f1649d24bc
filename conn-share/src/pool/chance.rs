//! A little chance, so that what happens together does not stay together.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that need not be secret.
#[derive(Debug)]
pub(super) struct Chance {
    seed: RandomState,
    count: AtomicU64,
}

impl Chance {
    pub(super) fn new() -> Self {
        Self { seed: RandomState::new(), count: AtomicU64::new(0) }
    }

    /// From 0 to 1.
    pub(super) fn next(&self) -> f64 {
        let hash = self.seed.hash_one(self.count.fetch_add(1, Ordering::Relaxed));
        (hash >> 11) as f64 / (1u64 << 53) as f64
    }
}
