//! The clock of entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The clock of entries: the server's, except in tests that move it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    forced_us: Option<Arc<AtomicU64>>,
    /// How far the memory store's clock is ahead.
    ahead_us: Arc<AtomicU64>,
}

impl Clock {
    /// One that shows what this says.
    pub(crate) fn forced(now_us: Arc<AtomicU64>) -> Self {
        Self {
            forced_us: Some(now_us),
            ..Self::default()
        }
    }

    /// Microseconds to force upon the store; 0 where the store's own clock counts.
    pub(crate) fn forced_us(&self) -> u64 {
        self.forced_us
            .as_ref()
            .map_or(0, |us| us.load(Ordering::SeqCst))
    }

    /// How far the memory store's clock is ahead, in microseconds.
    pub(crate) fn ahead_us(&self) -> u64 {
        self.ahead_us.load(Ordering::Relaxed)
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_us.fetch_add(micros(by), Ordering::Relaxed);
    }
}

/// The server's clock as a reply had it, and when this process read the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerTime {
    us: u64,
    read: Instant,
    /// How long the request took, and the reply was on its way at the most.
    took: Duration,
}

impl ServerTime {
    /// A reply that has just been read has this time.
    pub(crate) fn of_reply(us: u64) -> Self {
        Self::of_lookup(us, Duration::ZERO)
    }

    /// The same, with how long the request took.
    pub(crate) fn of_lookup(us: u64, took: Duration) -> Self {
        Self {
            us,
            read: Instant::now(),
            took,
        }
    }

    /// The server's clock now, or a little earlier: by as long as the reply was on its way, and by a
    /// thousandth of the time since, for a clock of ours that runs fast.
    pub(crate) fn now_us(self) -> u64 {
        let elapsed = micros(self.read.elapsed());
        self.us.saturating_add(elapsed - elapsed / 1000)
    }

    /// The server's clock now, or a little later. Where the process was suspended as the reply arrived, that is
    /// much later than [`now_us`](Self::now_us).
    pub(crate) fn latest_us(self) -> u64 {
        let elapsed = micros(self.read.elapsed());
        let latest = elapsed.saturating_add(elapsed / 1000);
        self.us
            .saturating_add(latest)
            .saturating_add(micros(self.took))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
