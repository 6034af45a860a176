//! The clock of entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The clock of entries: the server's, except in tests that move it manually.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(pub(crate) Option<Arc<AtomicU64>>);

impl Clock {
    /// Microseconds to force upon the store; 0 where the store's own clock counts.
    pub(crate) fn forced_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |us| us.load(Ordering::SeqCst))
    }
}
