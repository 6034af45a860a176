//! How much is being stored at a time: values that come all at once would all be late.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Fault};

/// So many small values, or a megabyte of large ones. If more than that were sent on one connection,
/// every other request would be late.
const SLOTS: u32 = 64;
/// A value takes one slot, and one more for each so many bytes.
const BYTES_PER_SLOT: usize = 16 << 10;
/// How long a value may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct PutSlots(Semaphore);

impl Default for PutSlots {
    fn default() -> Self {
        Self(Semaphore::new(SLOTS as usize))
    }
}

impl PutSlots {
    /// Waits for the slots of a value of so many bytes.
    pub(super) async fn take(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Error> {
        let slots =
            u32::try_from(bytes / BYTES_PER_SLOT).map_or(SLOTS, |more| (1 + more).min(SLOTS));
        let taken = tokio::time::timeout(LONGEST_WAIT, self.0.acquire_many(slots)).await;
        // The semaphore is never closed.
        taken.ok().and_then(Result::ok).ok_or_else(|| {
            Error::unavailable("too many values wait to be stored").with_fault(Fault::Nothing)
        })
    }
}
