//! What this process keeps for a pair: reads that join, and hits to be recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::runtime::Id;

use super::lane::Lane;
use super::read::Queue;
use crate::field::Field;

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
    by_field: HashMap<Field, Touched>,
    /// Grows with each hit, so that the order of last hits is known.
    next: u64,
    /// Whether somebody will send them when the interval is over.
    pub(super) is_scheduled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Touched {
    order: u64,
    now_us: u64,
    hits: u64,
}

/// The most hits that one script is given; more than that is more than it is worth to wait for.
pub(super) const MOST_TOUCHES: usize = 1000;

impl PairShared {
    pub(super) fn touches(&self) -> MutexGuard<'_, Touches> {
        self.touches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Touches {
    pub(super) fn record(&mut self, field: Field, now_us: u64) {
        self.next += 1;
        let touched = self.by_field.entry(field).or_insert(Touched {
            order: 0,
            now_us,
            hits: 0,
        });
        touched.order = self.next;
        touched.now_us = touched.now_us.max(now_us);
        touched.hits += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.by_field.len()
    }

    /// Takes all hits out, as the arguments of a script: the last hit comes last.
    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        let mut taken: Vec<_> = std::mem::take(&mut self.by_field).into_iter().collect();
        taken.sort_unstable_by_key(|(_, touched)| touched.order);
        let mut args = Vec::with_capacity(taken.len() * 3);
        for (field, touched) in taken {
            args.push(field.0.to_vec());
            args.push(touched.now_us.to_string().into_bytes());
            args.push(touched.hits.to_string().into_bytes());
        }
        args
    }
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
