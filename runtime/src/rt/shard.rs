//! Which part of sharded state a thread uses.

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const SHARDS: usize = 4;

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

/// This thread's shard index.
#[inline]
pub(crate) fn shard() -> usize {
    SHARD.with(|shard| *shard)
}
