//! How long to wait before the next attempt, with jitter: never the same for two processes.

use std::time::Duration;

use super::random;

/// Full jitter: any time up to this one, so that processes that lost their server together do not
/// all come back at once.
pub(crate) fn full_jitter(longest: Duration) -> Duration {
    longest.mul_f64(random::unit())
}

/// This time, or up to a quarter less.
pub(crate) fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(1.0 - random::unit() / 4.0)
}
