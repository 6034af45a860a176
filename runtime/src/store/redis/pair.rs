//! What this process keeps for a pair: reads that join, and hits to be recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::runtime::Id;

use super::lane::Lane;
use super::read::Queue;
use crate::field::{Field, Fields};

/// Shared by all methods whose entries live in the pair.
#[derive(Debug, Default)]
pub(crate) struct PairShared {
    touches: Mutex<Touches>,
    /// Of a cluster.
    pub(super) slot: OnceLock<u16>,
    /// Of the driver; lanes have their own.
    pub(super) queue: Arc<Queue>,
    /// Of the first runtime that read the pair, which is the only one in most processes. Weak: the
    /// methods, which are static, keep what is here.
    pub(super) first_lane: OnceLock<(Id, Weak<Lane>, Arc<Queue>)>,
}

/// Hits that are not recorded yet, one record a field.
#[derive(Debug, Default)]
pub(super) struct Touches {
    by_field: Fields<Touched>,
    /// Those that are being sent, a few at a time; the last ones go first.
    pub(super) leaving: Vec<(Field, Touched)>,
    /// Grows with each hit, so that the order of last hits is known.
    next: u64,
    /// Whether somebody will send them when the interval is over.
    pub(super) is_scheduled: bool,
    /// Whether somebody will look at the end of the pair.
    pub(super) is_kept: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Touched {
    order: u64,
    pub(super) now_us: u64,
    pub(super) hits: u64,
}

/// The most hits that one script is given; more than that is more than it is worth to wait for.
pub(super) const MOST_TOUCHES: usize = 1000;

/// Hits that are sent together where no script is needed: reads that come meanwhile wait for no
/// more than these.
const STEP: usize = 200;

impl PairShared {
    pub(super) fn touches(&self) -> MutexGuard<'_, Touches> {
        self.touches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Touches {
    pub(super) fn record(&mut self, field: Field, now_us: u64, hits: u64) {
        self.next += 1;
        let touched = self.by_field.entry(field).or_insert(Touched {
            order: 0,
            now_us,
            hits: 0,
        });
        touched.order = self.next;
        touched.now_us = touched.now_us.max(now_us);
        touched.hits += hits;
    }

    pub(super) fn len(&self) -> usize {
        self.by_field.len()
    }

    /// Takes all hits out: the last hit of all comes last.
    pub(super) fn take(&mut self) -> Vec<(Field, Touched)> {
        let mut taken = std::mem::take(&mut self.leaving);
        let before = taken.len();
        taken.extend(self.by_field.drain());
        taken[before..].sort_unstable_by_key(|(_, touched)| touched.order);
        taken
    }

    /// Starts to send what there is, in steps. Returns how many hits were dropped, because those
    /// before them are still there.
    pub(super) fn start_leaving(&mut self) -> u64 {
        if self.leaving.len() >= MOST_TOUCHES {
            let dropped = self.by_field.len();
            self.by_field.clear();
            return dropped as u64;
        }
        self.leaving.extend(self.by_field.drain());
        0
    }

    /// The next few to be sent.
    pub(super) fn step(&mut self) -> Vec<(Field, Touched)> {
        let rest = self.leaving.len().saturating_sub(STEP);
        self.leaving.split_off(rest)
    }
}

/// Hits as the arguments of a script.
pub(super) fn args_of(touched: Vec<(Field, Touched)>) -> impl Iterator<Item = Vec<u8>> {
    touched.into_iter().flat_map(|(field, touched)| {
        [
            field.0.to_vec(),
            touched.now_us.to_string().into_bytes(),
            touched.hits.to_string().into_bytes(),
        ]
    })
}

/// The pairs of one store, by their stem.
#[derive(Debug, Default)]
pub(super) struct Pairs(Mutex<HashMap<String, Arc<PairShared>>>);

impl Pairs {
    pub(super) fn of(&self, stem: &str) -> Arc<PairShared> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pairs.get(stem) {
            Some(shared) => shared.clone(),
            None => pairs.entry(stem.to_owned()).or_default().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(n: u64) -> Field {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Field(bytes)
    }

    #[test]
    fn a_put_takes_along_what_is_leaving_in_steps_and_what_came_since() {
        let mut touches = Touches::default();
        (0..500).for_each(|n| touches.record(field(n), n, 1));
        assert_eq!(touches.start_leaving(), 0);
        let mut sent = touches.step();
        assert_eq!(sent.len(), STEP);
        (400..600).for_each(|n| touches.record(field(n), 1000 + n, 2));
        let taken = touches.take();
        assert!(touches.step().is_empty() && touches.take().is_empty());
        let last: Vec<_> = taken[taken.len() - 200..]
            .iter()
            .map(|(field, _)| *field)
            .collect();
        assert_eq!(last, (400..600).map(field).collect::<Vec<_>>());
        sent.extend(taken);
        let hits: u64 = sent.iter().map(|(_, touched)| touched.hits).sum();
        assert_eq!(hits, 500 + 2 * 200);
    }

    #[test]
    fn hits_that_the_server_does_not_take_are_dropped_and_counted() {
        let mut touches = Touches::default();
        (0..1200).for_each(|n| touches.record(field(n), n, 1));
        assert_eq!(touches.start_leaving(), 0);
        (0..50).for_each(|n| touches.record(field(n), n, 1));
        assert_eq!(touches.start_leaving(), 50);
        assert_eq!(touches.len(), 0);
    }
}
