use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// A random number above 0 and up to 1.
#[allow(clippy::cast_precision_loss)] // 53 bits are exact
pub(crate) fn share() -> f64 {
    // Each state has keys of its own.
    let bits = RandomState::new().build_hasher().finish() >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn shares_are_spread_over_the_whole_range() {
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let share = super::share();
            assert!(share > 0.0 && share <= 1.0, "{share}");
            tenths[((share * 10.0).ceil() - 1.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (700..1300).contains(n)), "{tenths:?}");
    }
}
