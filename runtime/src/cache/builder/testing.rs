//! What only tests set.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::CacheBuilder;
#[cfg(feature = "test-util")]
use super::backend::Backend;
#[cfg(feature = "test-util")]
use crate::cache::test_cache::TestKit;
use crate::store::Clock;

impl CacheBuilder {
    /// Moves the clock of entries manually: microseconds since 1970, for tests of this crate.
    #[doc(hidden)]
    pub fn manual_clock(mut self, now_us: Arc<AtomicU64>) -> Self {
        self.clock = Clock::forced(now_us);
        self
    }

    #[cfg(feature = "test-util")]
    pub(in crate::cache) fn with_test_kit(mut self, kit: TestKit) -> Self {
        self.backend = Backend::Test(kit.faults);
        self.clock = kit.clock;
        self.call_log = Some(kit.calls);
        self
    }
}
