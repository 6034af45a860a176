//! Whether an answer is the one to what was asked, as its instant tells.
//!
//! On a connection that has come to be one reply behind, each caller is given what an earlier one
//! asked for. Entries name their calls, so no other call's value comes of it; but the same call may be
//! given its own answer of an hour ago, and with it a clock by which that is fresh. So the instant in
//! an answer must not lie before the question.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Server and client may step their clocks a little, and nothing is lost by an answer as late as this.
const TOLERANCE_US: i64 = 50_000;
/// Clocks drift: a thousandth of the time is more than any of them do.
const DRIFT: i64 = 1000;

/// The clock of a server, as far as it is known here.
#[derive(Debug)]
pub(super) struct ServerClock {
    origin: Instant,
    /// The least that the server's clock can be ahead of ours, with the drift of our time added: one
    /// number, so that it can be read and written without a lock.
    ahead_us: AtomicI64,
}

impl Default for ServerClock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            ahead_us: AtomicI64::new(i64::MIN),
        }
    }
}

impl ServerClock {
    /// Whether an answer with this instant was given before it was `asked` for. What is heard at
    /// `heard` and is not late makes the clock better known.
    pub(super) fn is_late(&self, server_us: u64, asked: Instant, heard: Instant) -> bool {
        let (asked, heard) = (self.since(asked), self.since(heard));
        let server = i64::try_from(server_us).unwrap_or(i64::MAX);
        let known = self.ahead_us.load(Ordering::Relaxed);
        let least = known.saturating_sub(heard / DRIFT);
        if server.saturating_sub(asked) < least.saturating_sub(TOLERANCE_US) {
            // A clock that was set back is late once.
            self.ahead_us.store(i64::MIN, Ordering::Relaxed);
            return true;
        }
        let ahead = server.saturating_sub(heard).saturating_add(heard / DRIFT);
        if ahead > known {
            self.ahead_us.fetch_max(ahead, Ordering::Relaxed);
        }
        false
    }

    fn since(&self, instant: Instant) -> i64 {
        let since: Duration = instant.saturating_duration_since(self.origin);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn an_answer_from_before_the_question_is_late_and_no_other() {
        let clock = ServerClock::default();
        let at = |us: u64| clock.origin + Duration::from_micros(us);
        let ahead = 1_700_000_000 * SECOND;
        // Slow and fast ones; the server reads its clock anywhere between.
        for (asked, served, heard) in [
            (1, 90_000, 100_000),
            (100_001, 100_002, 200_000),
            (200_001, 200_002, 200_003),
        ] {
            assert!(!clock.is_late(ahead + served, at(asked), at(heard)));
        }
        // An hour later, with some drift.
        let later = 3600 * SECOND;
        let drifted = ahead - 200_000;
        assert!(!clock.is_late(drifted + later + 1, at(later), at(later + 2)));
        // The answer to the question before.
        let next = later + 5 * SECOND;
        assert!(clock.is_late(drifted + later + 10, at(next), at(next + 2)));
        assert!(
            !clock.is_late(drifted + later + 10, at(next), at(next + 2)),
            "anew"
        );
    }

    #[test]
    fn a_clock_that_is_set_forward_is_followed() {
        let clock = ServerClock::default();
        let at = |us: u64| clock.origin + Duration::from_micros(us);
        assert!(!clock.is_late(SECOND, at(1), at(2)));
        assert!(!clock.is_late(100 * SECOND, at(3), at(4)));
        assert!(clock.is_late(50 * SECOND, at(5), at(6)));
    }
}
