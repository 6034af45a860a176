//! How long to wait before the next attempt: never the same for two processes.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Any time up to this one, so that a fleet that has lost its server does not come back as one.
pub(crate) fn up_to(longest: Duration) -> Duration {
    longest.mul_f64(random())
}

/// This time, or up to a quarter less.
pub(crate) fn about(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - random() / 4.0)
}

/// From 0 to 1: the keys of each new map of the standard library are random.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
