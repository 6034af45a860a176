//! The handles on the metrics of a method, and what is looked up by name because it is rare.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use super::names;
use crate::error::ErrorKind;
use crate::stats::outcome::Outcome;
use crate::stats::{Event, Stats};

const METADATA: Metadata<'static> =
    Metadata::new("redis_func_cache", Level::INFO, Some("redis_func_cache"));

pub(super) struct MethodHandles {
    cache: String,
    site: String,
    handles: OnceLock<Handles>,
}

struct Handles {
    events: [Counter; Stats::EVENTS],
    outcomes: [Counter; Outcome::ALL.len()],
    hits: Histogram,
    executions: Histogram,
    in_flight: Gauge,
    followers: Gauge,
}

/// Runs this with the recorder, if one is installed: until then there is one that has no size.
fn with_recorder<T>(run: impl FnOnce(&dyn Recorder) -> T) -> Option<T> {
    metrics::with_recorder(|recorder| (size_of_val(recorder) > 0).then(|| run(recorder)))
}

impl MethodHandles {
    pub(super) fn new(cache: &str, site: &str) -> Self {
        Self {
            cache: cache.to_owned(),
            site: site.to_owned(),
            handles: OnceLock::new(),
        }
    }

    #[inline]
    fn handles(&self) -> Option<&Handles> {
        self.handles.get().or_else(|| self.look_up())
    }

    #[cold]
    fn look_up(&self) -> Option<&Handles> {
        with_recorder(|recorder| {
            self.handles
                .get_or_init(|| Handles::new(recorder, &self.cache, &self.site))
        })
    }

    #[inline]
    pub(super) fn count(&self, event: Event, n: u64) {
        // Known where it is called: a hit asks for one handle less for each of these.
        if matches!(event, Event::count | Event::read | Event::hit | Event::miss) {
            return;
        }
        if let Some(handles) = self.handles() {
            handles.events[event as usize].increment(n);
        }
    }

    #[inline]
    pub(super) fn count_outcome(&self, outcome: Outcome) {
        if let Some(handles) = self.handles() {
            handles.outcomes[outcome as usize].increment(1);
        }
    }

    pub(super) fn record_hit(&self, took: Duration) {
        if let Some(handles) = self.handles() {
            handles.hits.record(took);
        }
    }

    pub(super) fn record_execution(&self, took: Duration) {
        if let Some(handles) = self.handles() {
            handles.executions.record(took);
        }
    }

    pub(super) fn count_error(&self, kind: ErrorKind) {
        let kind = kind.to_string().replace(' ', "_");
        let key = key(names::ERRORS, &self.cache, &self.site, Some(("kind", kind)));
        with_recorder(|recorder| recorder.register_counter(&key, &METADATA).increment(1));
    }

    pub(super) fn begin_execution(&self) -> Option<Gauge> {
        self.handles().map(|handles| begin(&handles.in_flight))
    }

    pub(super) fn begin_wait(&self) -> Option<Gauge> {
        self.handles().map(|handles| begin(&handles.followers))
    }
}

fn begin(gauge: &Gauge) -> Gauge {
    gauge.increment(1.0);
    gauge.clone()
}

impl Handles {
    fn new(recorder: &dyn Recorder, cache: &str, site: &str) -> Self {
        describe(recorder);
        let mut events = [const { Counter::noop() }; Stats::EVENTS];
        for (event, name, label) in names::EVENTS {
            let key = key(
                name,
                cache,
                site,
                label.map(|(name, value)| (name, value.to_owned())),
            );
            events[event as usize] = recorder.register_counter(&key, &METADATA);
        }
        let outcomes = Outcome::ALL.map(|outcome| {
            let label = ("outcome", outcome.as_str().to_owned());
            recorder.register_counter(&key(names::CALLS, cache, site, Some(label)), &METADATA)
        });
        let gauge = |name| recorder.register_gauge(&key(name, cache, site, None), &METADATA);
        let histogram =
            |name| recorder.register_histogram(&key(name, cache, site, None), &METADATA);
        Self {
            events,
            outcomes,
            hits: histogram(names::HITS),
            executions: histogram(names::EXECUTIONS),
            in_flight: gauge(names::IN_FLIGHT),
            followers: gauge(names::FOLLOWERS),
        }
    }
}

fn key(name: &'static str, cache: &str, site: &str, own: Option<(&'static str, String)>) -> Key {
    let mut labels = vec![
        Label::new("cache", cache.to_owned()),
        Label::new("method", site.to_owned()),
    ];
    labels.extend(own.map(|(name, value)| Label::new(name, value)));
    Key::from_parts(name, labels)
}

fn describe(recorder: &dyn Recorder) {
    for (name, unit, text) in names::DESCRIPTIONS {
        let unit = Some(unit);
        match name {
            names::EXECUTIONS | names::HITS => {
                recorder.describe_histogram(name.into(), unit, text.into());
            }
            names::BREAKERS | names::IN_FLIGHT | names::FOLLOWERS => {
                recorder.describe_gauge(name.into(), unit, text.into());
            }
            _ => recorder.describe_counter(name.into(), unit, text.into()),
        }
    }
}

pub(super) fn set_breaker(cache: &str, endpoint: &str, side: &'static str, is_open: bool) {
    let labels = vec![
        Label::new("cache", cache.to_owned()),
        Label::new("endpoint", endpoint.to_owned()),
        Label::new("side", side),
    ];
    let key = Key::from_parts(names::BREAKERS, labels);
    with_recorder(|recorder| {
        let gauge = recorder.register_gauge(&key, &METADATA);
        gauge.set(if is_open { 1.0 } else { 0.0 });
    });
}

impl fmt::Debug for MethodHandles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodHandles").finish_non_exhaustive()
    }
}
