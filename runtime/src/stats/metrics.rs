//! Metrics by the `metrics` facade. Without the feature, nothing here does anything.
//!
//! A method looks its metrics up once, when it is first called while a recorder is installed: what a hit records goes
//! through handles.

#[cfg(feature = "metrics")]
mod names;
#[cfg(feature = "metrics")]
mod recorded;

use std::time::Duration;

use super::Event;
use super::outcome::Outcome;
use crate::error::ErrorKind;

/// The metrics of one bound method.
#[derive(Debug)]
pub(crate) struct MethodMetrics {
    #[cfg(feature = "metrics")]
    recorded: recorded::MethodHandles,
}

/// Counts as going on until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ongoing {
    #[cfg(feature = "metrics")]
    gauge: Option<metrics::Gauge>,
}

#[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
impl MethodMetrics {
    pub(crate) fn new(cache: &str, site: &str) -> Self {
        Self {
            #[cfg(feature = "metrics")]
            recorded: recorded::MethodHandles::new(cache, site),
        }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event, n: u64) {
        #[cfg(feature = "metrics")]
        self.recorded.count(event, n);
    }

    #[inline]
    pub(crate) fn count_outcome(&self, outcome: Outcome) {
        #[cfg(feature = "metrics")]
        self.recorded.count_outcome(outcome);
    }

    /// One of the hits has taken so long.
    pub(crate) fn record_hit(&self, took: Duration) {
        #[cfg(feature = "metrics")]
        self.recorded.record_hit(took);
    }

    pub(crate) fn record_execution(&self, took: Duration) {
        #[cfg(feature = "metrics")]
        self.recorded.record_execution(took);
    }

    pub(crate) fn count_error(&self, kind: ErrorKind) {
        #[cfg(feature = "metrics")]
        self.recorded.count_error(kind);
    }

    /// An execution begins.
    pub(crate) fn begin_execution(&self) -> Ongoing {
        Ongoing {
            #[cfg(feature = "metrics")]
            gauge: self.recorded.begin_execution(),
        }
    }

    /// A call follows another one.
    pub(crate) fn begin_wait(&self) -> Ongoing {
        Ongoing {
            #[cfg(feature = "metrics")]
            gauge: self.recorded.begin_wait(),
        }
    }
}

#[cfg(feature = "metrics")]
impl Drop for Ongoing {
    fn drop(&mut self) {
        if let Some(gauge) = &self.gauge {
            gauge.decrement(1.0);
        }
    }
}

/// Whether a circuit breaker is open.
#[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
pub(crate) fn set_breaker(cache: &str, endpoint: &str, side: &'static str, is_open: bool) {
    #[cfg(feature = "metrics")]
    recorded::set_breaker(cache, endpoint, side, is_open);
}
