//! What becomes of a call: its one outcome, which is counted when the call has ended, and one `tracing` event.
//!
//! A hit writes two bytes here, and no clock is read unless that event is wanted. Never recorded: arguments and values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use tracing::Level;

use crate::engine::Engine;
use crate::method::bound::BoundMethod;
use crate::stats::outcome::{Miss, NotStored, Outcome};

/// A call as it is counted and logged.
#[derive(Debug)]
pub(crate) struct CallRecord {
    outcome: Option<Outcome>,
    pub(super) miss: Option<Miss>,
    pub(super) not_stored: Option<NotStored>,
    /// If the event is wanted.
    pub(super) times: Option<Box<CallTimes>>,
}

/// How long a call and its execution take.
#[derive(Debug)]
pub(crate) struct CallTimes {
    since: Instant,
    pub(super) execution: Duration,
}

impl CallRecord {
    /// Of what is no call.
    pub(super) const NONE: Self = Self {
        outcome: None,
        miss: None,
        not_stored: None,
        times: None,
    };

    /// Of a call that begins.
    #[inline]
    pub(super) fn begin() -> Self {
        Self {
            // Until something else is known.
            outcome: Some(Outcome::Cancelled),
            times: CallTimes::if_wanted(),
            ..Self::NONE
        }
    }

    /// Of one item of a batch, which is logged with the others.
    pub(super) fn item() -> Self {
        Self {
            outcome: Some(Outcome::Cancelled),
            ..Self::NONE
        }
    }

    /// Of a call that passes the cache by.
    pub(super) fn bypass(why: NotStored) -> Self {
        let mut record = Self::begin();
        record.not_stored = Some(why);
        record.answered(if why == NotStored::Disabled {
            Outcome::Disabled
        } else {
            Outcome::Bypass
        });
        record
    }

    /// `None` of what is no call.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// There is an answer, unless what is recorded is no call.
    #[inline]
    pub(super) fn answered(&mut self, outcome: Outcome) {
        if let Some(recorded) = &mut self.outcome {
            *recorded = outcome;
        }
    }

    /// The method has run for the answer.
    pub(super) fn executed(&mut self, took: Duration) {
        if self.outcome == Some(Outcome::Cancelled) {
            self.answered(match self.miss {
                Some(Miss::Unavailable) => Outcome::Unavailable,
                _ => Outcome::Led,
            });
        }
        if let Some(times) = &mut self.times {
            times.execution = took;
        }
    }

    /// Counts the outcome, and logs the call. To be called once, at its end.
    #[inline]
    pub(super) fn end(&self, engine: &Engine, bound: Option<&BoundMethod>) {
        let Some(outcome) = self.outcome else { return };
        engine.count_outcome(bound, outcome);
        if let Some(times) = &self.times {
            self.log(times, bound, outcome);
        }
    }

    #[cold]
    fn log(&self, times: &CallTimes, bound: Option<&BoundMethod>, outcome: Outcome) {
        tracing::trace!(
            target: "redis_func_cache::call",
            method = bound.map(|bound| &*bound.site),
            outcome = outcome.as_str(),
            miss = self.miss.map(Miss::as_str),
            reason = self.not_stored.map(NotStored::as_str),
            elapsed_us = micros(times.since.elapsed()),
            execution_us = (!times.execution.is_zero()).then(|| micros(times.execution)),
            "redis-func-cache: a call"
        );
    }
}

impl CallTimes {
    #[inline]
    pub(super) fn if_wanted() -> Option<Box<Self>> {
        let is_wanted = tracing::enabled!(target: "redis_func_cache::call", Level::TRACE);
        is_wanted.then(|| Box::new(Self::begin()))
    }

    /// Logs a batch: how many items had which outcome.
    #[cold]
    pub(super) fn log_batch<'r>(
        &self,
        bound: &BoundMethod,
        items: impl Iterator<Item = &'r CallRecord> + Clone,
    ) {
        let named = |names: &mut dyn Iterator<Item = &'static str>| {
            Tally::of(names).map(|tally| tally.to_string())
        };
        tracing::trace!(
            target: "redis_func_cache::call",
            method = &*bound.site,
            items = items.clone().count(),
            outcome = named(&mut items.clone().filter_map(|item| item.outcome.map(Outcome::as_str))),
            miss = named(&mut items.clone().filter_map(|item| item.miss.map(Miss::as_str))),
            reason = named(&mut items.filter_map(|item| item.not_stored.map(NotStored::as_str))),
            elapsed_us = micros(self.since.elapsed()),
            execution_us = (!self.execution.is_zero()).then(|| micros(self.execution)),
            "redis-func-cache: a batch"
        );
    }

    #[cold]
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            execution: Duration::ZERO,
        }
    }
}

/// How often there is each name: `hit 3, led 1`.
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn of(names: &mut dyn Iterator<Item = &'static str>) -> Option<Self> {
        let mut tally = BTreeMap::new();
        names.for_each(|name| *tally.entry(name).or_default() += 1);
        (!tally.is_empty()).then_some(Self(tally))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {count}")?;
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
