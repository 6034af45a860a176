//! The time that a call has for the store.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::error::Error;

/// The time that one call may spend on the store, all its requests together.
pub(crate) struct Budget {
    whole: Duration,
    left: Duration,
    /// When the request began that is still to be paid for.
    since: Option<Instant>,
}

/// How long one request may take, and since when it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) since: Instant,
    pub(crate) at_most: Duration,
}

impl Wait {
    #[inline]
    pub(crate) fn new(at_most: Duration) -> Self {
        Self {
            since: Instant::now(),
            at_most,
        }
    }

    #[inline]
    pub(crate) fn until(&self) -> Instant {
        self.since + self.at_most
    }

    /// After this an answer is a slow one.
    #[inline]
    pub(crate) fn patience(&self) -> Instant {
        self.since + self.at_most / 2
    }
}

impl Budget {
    #[inline]
    pub(crate) fn new(whole: Duration) -> Self {
        Self {
            whole,
            left: whole,
            since: None,
        }
    }

    pub(crate) fn whole(&self) -> Duration {
        self.whole
    }

    /// Begins a request. Who goes on after it [stops](Self::stop) the clock: a hit does not, and is
    /// spared a reading of it.
    #[inline]
    pub(crate) fn start(&mut self) -> Wait {
        self.stop();
        let wait = Wait::new(self.left);
        self.since = Some(wait.since);
        wait
    }

    #[inline]
    pub(crate) fn stop(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
    }

    pub(crate) async fn spend<T, Fut>(
        &mut self,
        request: impl FnOnce(Duration) -> Fut,
    ) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, Error>>,
    {
        let wait = self.start();
        let result = request(wait.at_most).await;
        self.stop();
        result
    }
}
