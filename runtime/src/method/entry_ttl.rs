//! The TTL of a method's entries, which may be set at run time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds, 0 for ever.
#[derive(Debug)]
pub(crate) struct EntryTtl {
    ms: AtomicU64,
    /// What entries live at the most that were stored before it was set; 0 if it never was.
    cap_ms: AtomicU64,
    /// Values have TTLs of their own, which the entries do not tell apart.
    is_of_value: bool,
}

impl EntryTtl {
    pub(crate) fn new(ms: u64, is_of_value: bool) -> Self {
        Self {
            ms: AtomicU64::new(ms),
            cap_ms: AtomicU64::new(0),
            is_of_value,
        }
    }

    #[inline]
    pub(crate) fn ms(&self) -> u64 {
        self.ms.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn cap_ms(&self) -> u64 {
        self.cap_ms.load(Ordering::Relaxed)
    }

    /// Returns what it was.
    pub(crate) fn set(&self, ms: u64) -> u64 {
        if !self.is_of_value {
            self.cap_ms.store(ms, Ordering::Relaxed);
        }
        self.ms.swap(ms, Ordering::Relaxed)
    }
}
