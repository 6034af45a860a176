//! Between this crate and threads, runtimes, clocks and chance. It knows nothing of caches.
//!
//! Imports `error` only.
//! Start with [`background`]: the thread that owns every connection.

pub(crate) mod background;
pub(crate) mod backoff;
pub(crate) mod blocking;
pub(crate) mod fork;
pub(crate) mod random;
pub(crate) mod shard;
pub(crate) mod sync;
pub(crate) mod timeout;
