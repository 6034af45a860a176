//! What this process keeps for a pair: reads that join, and hits to be recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::runtime::Id;

use super::read::Queue;
use super::read::lane::Lane;
use super::write::hits::PendingHits;
use crate::store::sweep::SweepSchedule;

/// Shared by all methods whose entries live in the pair.
#[derive(Debug, Default)]
pub(crate) struct PairState {
    pending_hits: Mutex<PendingHits>,
    pub(crate) sweeps: SweepSchedule,
    /// Of a cluster.
    pub(crate) slot: OnceLock<u16>,
    /// Of the driver; lanes have their own.
    pub(crate) queue: Arc<Queue>,
    /// Of the first runtime that read the pair, which is the only one in most processes. Weak: the
    /// methods, which are static, keep what is here.
    pub(crate) first_lane: OnceLock<(Id, Weak<Lane>, Arc<Queue>)>,
}

impl PairState {
    pub(crate) fn pending_hits(&self) -> MutexGuard<'_, PendingHits> {
        self.pending_hits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pairs of one store, by their stem.
#[derive(Debug, Default)]
pub(crate) struct PairStates(Mutex<HashMap<String, Arc<PairState>>>);

impl PairStates {
    pub(crate) fn of(&self, stem: &str) -> Arc<PairState> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pairs.get(stem) {
            Some(shared) => shared.clone(),
            None => pairs.entry(stem.to_owned()).or_default().clone(),
        }
    }
}
