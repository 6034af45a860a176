//! When a put looks for entries that have expired.

use std::sync::atomic::{AtomicU32, Ordering};

/// Puts from one sweep to the next while sweeps find nothing.
const PUTS: u32 = 16;

/// When the puts of one process into one pair sweep: the first into a full pair, every sixteenth
/// after it, and each after one that found something. A sweep costs as much as the rest of a put.
#[derive(Debug)]
pub(crate) struct SweepSchedule {
    /// Puts without one.
    without: AtomicU32,
}

impl Default for SweepSchedule {
    fn default() -> Self {
        Self {
            without: AtomicU32::new(PUTS - 1),
        }
    }
}

impl SweepSchedule {
    /// Whether the next put is to sweep. Those that are on their way beside it do not.
    pub(crate) fn is_due(&self) -> bool {
        let next = |without| Some((without + 1) % PUTS);
        let without = self
            .without
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        without == Ok(PUTS - 1)
    }

    /// The sweep was not to be, or found something: the next put sweeps.
    pub(crate) fn again(&self) {
        self.without.store(PUTS - 1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_every_sixteenth_put_sweeps_and_each_while_it_finds_something() {
        let schedule = SweepSchedule::default();
        let due = |n| (0..n).map(|_| schedule.is_due()).collect::<Vec<_>>();
        assert!(due(1)[0]);
        assert_eq!(due(16).iter().position(|&due| due), Some(15));
        assert!(!due(1)[0]);
        schedule.again();
        assert!(due(1)[0]);
        assert!(!due(1)[0]);
    }
}
