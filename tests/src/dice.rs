//! Chance that can be replayed.

/// A seeded source of numbers (SplitMix64): good enough to choose moments with, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice that always fall as they did for this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed from `CONN_SHARE_SEED`, or from the clock; the caller prints it, so that a failure can be replayed.
    pub fn seed() -> u64 {
        match std::env::var("CONN_SHARE_SEED").ok().and_then(|text| text.parse().ok()) {
            Some(seed) => seed,
            None => {
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_micros() as u64)
            }
        }
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    /// True in one of `times` throws.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
