//! The settings that every call reads.

#[cfg(feature = "test-util")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "test-util")]
use super::call_log::CallLog;
use super::lost_invalidation::LossListener;
use crate::entry::seal::Seal;

/// What calls need of the settings.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) max_entry_bytes: usize,
    pub(crate) compress_above: Option<usize>,
    pub(crate) seal: Seal,
    /// Entries that wait to be invalidated.
    pub(crate) invalidation_queue: usize,
    pub(crate) on_lost_invalidation: LossListener,
    /// Of a cache that is made for tests.
    #[cfg(feature = "test-util")]
    pub(crate) call_log: Option<Arc<CallLog>>,
}
