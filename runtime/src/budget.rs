//! The time that a call has for the store.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::error::Error;

/// The time that one call may spend on the store, all its requests together.
pub(crate) struct Budget {
    left: Duration,
}

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { left }
    }

    pub(crate) async fn spend<T, Fut>(
        &mut self,
        request: impl FnOnce(Duration) -> Fut,
    ) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, Error>>,
    {
        let started = Instant::now();
        let result = request(self.left).await;
        self.left = self.left.saturating_sub(started.elapsed());
        result
    }
}
