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
    RandomState::new().build_hasher().finish()
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
