//! What this process keeps for a pair: the reads that wait, the hits to be recorded, the next sweep.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::read::lane::PairLanes;
use super::read::queue::ReadQueue;
use super::write::hits::pending::PendingHits;
use crate::store::sweep::SweepSchedule;

/// Shared by all methods whose entries live in the pair.
#[derive(Debug, Default)]
pub(crate) struct PairState {
    hits: Mutex<PendingHits>,
    pub(crate) sweeps: SweepSchedule,
    /// Requests under way that record hits.
    recordings: AtomicU32,
    recorded: Notify,
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

    /// Hits that were taken out are being recorded, until the guard is dropped.
    pub(crate) fn begin_recording(self: &Arc<Self>) -> RecordingGuard {
        self.recordings.fetch_add(1, Ordering::SeqCst);
        RecordingGuard(self.clone())
    }

    /// Whether hits are being recorded: a put by another connection would be ahead of them.
    pub(crate) fn is_recording(&self) -> bool {
        self.recordings.load(Ordering::SeqCst) > 0
    }

    /// Waits until the hits that are being recorded are.
    pub(crate) async fn recorded(&self) {
        loop {
            let mut recorded = pin!(self.recorded.notified());
            recorded.as_mut().enable();
            if !self.is_recording() {
                return;
            }
            recorded.await;
        }
    }
}

/// A request under way that records hits.
#[derive(Debug)]
pub(crate) struct RecordingGuard(Arc<PairState>);

impl Drop for RecordingGuard {
    fn drop(&mut self) {
        if self.0.recordings.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.recorded.notify_waiters();
        }
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
