//! Chance.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::SystemTime;

/// A random number above 0 and up to 1.
#[allow(clippy::cast_precision_loss)] // 53 bits are exact
pub(crate) fn unit() -> f64 {
    // Each state has keys of its own.
    let bits = RandomState::new().build_hasher().finish() >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}

/// A random number of 64 bits, also where a forked process has the same state as its parent.
pub(crate) fn bits() -> u64 {
    RandomState::new().hash_one((std::process::id(), SystemTime::now()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn units_are_spread_over_the_whole_range() {
        let units: Vec<_> = (0..10_000).map(|_| super::unit()).collect();
        assert!(units.iter().all(|&share| share > 0.0 && share <= 1.0));
        for tenth in 1..=10 {
            let most = f64::from(tenth) / 10.0;
            let here = |&&share: &&f64| share <= most && share > most - 0.1;
            let n = units.iter().filter(here).count();
            assert!((700..1300).contains(&n), "{n} up to {most}");
        }
    }
}
