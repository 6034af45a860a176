//! When a put looks for entries that have expired.

use std::sync::atomic::{AtomicU32, Ordering};

/// Puts from one sweep to the next while sweeps find nothing.
const PUTS: u32 = 16;

/// When the puts of one process into one pair sweep: the first, every sixteenth, and each after one
/// that found something. A sweep costs as much as the rest of a put.
#[derive(Debug, Default)]
pub(crate) struct SweepSchedule(AtomicU32);

impl SweepSchedule {
    /// Whether the next put is to sweep.
    pub(crate) fn is_due(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(PUTS)
    }

    pub(crate) fn found(&self, expired: u64) {
        if expired > 0 {
            self.0.store(0, Ordering::Relaxed);
        }
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
        schedule.found(0);
        assert!(!due(1)[0]);
        schedule.found(2);
        assert!(due(1)[0]);
        assert!(!due(1)[0]);
    }
}
