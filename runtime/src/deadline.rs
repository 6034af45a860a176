//! The time that a call has for the store.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::error::Error;

/// The deadline of a request through a handle on an entry, which may wait longer than a call does.
pub(crate) const HANDLE_DEADLINE: Duration = Duration::from_secs(1);

/// The time that one call may spend on the store, all its requests together.
pub(crate) struct Deadline {
    whole: Duration,
    left: Duration,
    /// When the request began that is still to be paid for.
    since: Option<Instant>,
}

/// How long one request may take, and since when it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeout {
    pub(crate) since: Instant,
    pub(crate) at_most: Duration,
}

impl Timeout {
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
    pub(crate) fn half(&self) -> Instant {
        self.since + self.at_most / 2
    }
}

impl Deadline {
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

    /// Begins a request. A call that goes on after it [stops](Self::stop) the clock; a hit does not, and is
    /// spared a reading of it.
    #[inline]
    pub(crate) fn start(&mut self) -> Timeout {
        self.stop();
        let timeout = Timeout::new(self.left);
        self.since = Some(timeout.since);
        timeout
    }

    /// Ends the request that has begun. Returns how long it took.
    #[inline]
    pub(crate) fn stop(&mut self) -> Duration {
        let since = self.since.take();
        let took = since.map_or(Duration::ZERO, |since| since.elapsed());
        self.left = self.left.saturating_sub(took);
        took
    }

    pub(crate) async fn spend<T, Fut>(
        &mut self,
        request: impl FnOnce(Duration) -> Fut,
    ) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, Error>>,
    {
        let timeout = self.start();
        let result = request(timeout.at_most).await;
        self.stop();
        result
    }
}
