//! Text that a device cannot have sent before it was asked.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Random digits, fresh for each call.
///
/// Digits, since they do the least harm where a program other than the line editor reads them: pagers take them as
/// a count, `[confirm]` as a no.
pub(crate) fn digits(count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut random = random();
        // The first digits of a u64 are not even; the last eighteen are, nearly.
        for _ in 0..18.min(count - text.len()) {
            text.push(char::from(b'0' + (random % 10) as u8));
            random /= 10;
        }
    }
    text
}

/// A random number. The standard library's hash keys are random per thread and counted up per use.
pub(crate) fn random() -> u64 {
    #[cfg(any(test, fuzzing))]
    if let Some(number) = repeatable::next() {
        return number;
    }
    RandomState::new().build_hasher().finish()
}

/// For tests that compare two runs: the same numbers again, on this thread.
#[cfg(any(test, fuzzing))]
pub(crate) mod repeatable {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }

    /// The numbers that follow `seed`, while `run` runs.
    pub(crate) fn with<T>(seed: u64, run: impl FnOnce() -> T) -> T {
        STATE.set(seed | 1);
        let result = run();
        STATE.set(0);
        result
    }

    pub(super) fn next() -> Option<u64> {
        let mut state = STATE.get();
        if state == 0 {
            return None;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        STATE.set(state);
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_each_time() {
        let all: std::collections::HashSet<_> = (0..1000).map(|_| digits(12)).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())));
    }
}
