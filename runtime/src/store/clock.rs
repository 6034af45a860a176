//! The clock of entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The clock of entries: the server's, except in tests that move it manually.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(pub(crate) Option<Arc<AtomicU64>>);

impl Clock {
    /// Microseconds to force upon the store; 0 where the store's own clock counts.
    pub(crate) fn forced_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |us| us.load(Ordering::SeqCst))
    }
}

/// The server's clock as a reply had it, and when this process read the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerTime {
    us: u64,
    read: Instant,
}

impl ServerTime {
    /// A reply that has just been read has this time.
    pub(crate) fn of_reply(us: u64) -> Self {
        Self {
            us,
            read: Instant::now(),
        }
    }

    /// The server's clock now, or a little earlier: by as long as the reply was on its way, and by a
    /// thousandth of the time since, for a clock of ours that runs fast.
    pub(crate) fn now_us(self) -> u64 {
        let elapsed = u64::try_from(self.read.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.us.saturating_add(elapsed - elapsed / 1000)
    }
}
