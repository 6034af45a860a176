//! What this process keeps for a pair: the reads that wait, the hits to be recorded, the next sweep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::read::lane::PairLanes;
use super::read::queue::ReadQueue;
use super::write::hits::pending::PendingHits;
use crate::store::sweep::SweepSchedule;

/// Shared by all methods whose entries live in the pair.
#[derive(Debug, Default)]
pub(crate) struct PairState {
    hits: Mutex<PendingHits>,
    pub(crate) sweeps: SweepSchedule,
    /// Of a cluster.
    pub(crate) slot: OnceLock<u16>,
    /// Of the background thread; lanes have their own.
    pub(crate) queue: Arc<ReadQueue>,
    pub(crate) lanes: PairLanes,
}

impl PairState {
    pub(crate) fn pending_hits(&self) -> MutexGuard<'_, PendingHits> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pairs of one store, by their stem.
#[derive(Debug, Default)]
pub(crate) struct PairStates(Mutex<HashMap<String, Arc<PairState>>>);

impl PairStates {
    pub(crate) fn of(&self, stem: &str) -> Arc<PairState> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pairs.get(stem) {
            Some(state) => state.clone(),
            None => pairs.entry(stem.to_owned()).or_default().clone(),
        }
    }
}
