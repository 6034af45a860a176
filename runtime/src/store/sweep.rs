//! When a put looks for entries that have expired or were invalidated.

use std::sync::atomic::{AtomicU32, Ordering};

/// Puts from one sweep to the next.
const PUTS: u32 = 16;
/// The same after several sweeps in a row that found nothing.
const MOST_PUTS: u32 = 64;

/// When the puts of one process into one pair sweep: the first into a full pair, every sixteenth after it,
/// and each after one that found something. While sweeps find nothing, they become four times as rare: one costs
/// as much as the rest of a put.
#[derive(Debug)]
pub(crate) struct SweepSchedule {
    /// Puts until the next one.
    left: AtomicU32,
    /// Sweeps in a row, not one of which was followed by [`again`](Self::again).
    in_vain: AtomicU32,
    /// Puts of entries that never expire.
    unending: AtomicU32,
}

impl Default for SweepSchedule {
    fn default() -> Self {
        Self {
            left: AtomicU32::new(1),
            in_vain: AtomicU32::new(0),
            unending: AtomicU32::new(0),
        }
    }
}

impl SweepSchedule {
    /// Whether the next put is to sweep. Those that are on their way beside it do not. Of entries that never expire
    /// every 64th put does: among them there may be some that were invalidated together with their method.
    pub(crate) fn is_due(&self, expires: bool) -> bool {
        if !expires {
            let before = self.unending.fetch_add(1, Ordering::Relaxed);
            return before % MOST_PUTS == MOST_PUTS - 1;
        }
        let next = |left: u32| Some(left.saturating_sub(1));
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        if left != Ok(1) {
            return false;
        }
        let before = self.in_vain.fetch_add(1, Ordering::Relaxed).min(2);
        self.left
            .store((PUTS << before).min(MOST_PUTS), Ordering::Relaxed);
        true
    }

    /// The sweep was not to be, or found something: the next put sweeps.
    pub(crate) fn again(&self) {
        self.in_vain.store(0, Ordering::Relaxed);
        self.left.store(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_become_rarer_while_they_find_nothing_and_follow_each_other_while_they_do() {
        let schedule = SweepSchedule::default();
        let puts_to_the_next = || (1..100).find(|_| schedule.is_due(true)).unwrap();
        let first: Vec<u32> = (0..6).map(|_| puts_to_the_next()).collect();
        assert_eq!(first, [1, 16, 32, 64, 64, 64]);
        schedule.again();
        assert_eq!([puts_to_the_next(), puts_to_the_next()], [1, 16]);
        schedule.again();
        assert_eq!(puts_to_the_next(), 1);
    }

    #[test]
    fn puts_of_entries_that_never_expire_sweep_seldom() {
        let schedule = SweepSchedule::default();
        let due: Vec<u32> = (1..=200).filter(|_| schedule.is_due(false)).collect();
        assert_eq!(due, [64, 128, 192]);
    }
}
