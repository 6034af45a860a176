//! The names of all metrics. They are stable: dashboards have them.

use metrics::Unit;

use crate::stats::Event;

pub(super) const CALLS: &str = "redis_func_cache_calls_total";
pub(super) const EXECUTIONS: &str = "redis_func_cache_execution_seconds";
pub(super) const HITS: &str = "redis_func_cache_hit_seconds";
pub(super) const ERRORS: &str = "redis_func_cache_errors_total";
pub(super) const BREAKERS: &str = "redis_func_cache_breaker_open";
pub(super) const IN_FLIGHT: &str = "redis_func_cache_executions_in_flight";
pub(super) const FOLLOWERS: &str = "redis_func_cache_followers_waiting";
const MISSES: &str = "redis_func_cache_misses_total";
const VALUES: &str = "redis_func_cache_values_total";
const REFRESH_FAILURES: &str = "redis_func_cache_refresh_failures_total";
const STORED_BYTES: &str = "redis_func_cache_stored_bytes_total";
const EVICTIONS: &str = "redis_func_cache_evictions_total";
const SAVED: &str = "redis_func_cache_saved_microseconds_total";
const QUEUED: &str = "redis_func_cache_invalidations_queued_total";
const LOST: &str = "redis_func_cache_invalidations_lost_total";

/// What each is, and in which unit.
pub(super) const DESCRIPTIONS: [(&str, Unit, &str); 15] = [
    (CALLS, Unit::Count, "Calls, by outcome"),
    (
        EXECUTIONS,
        Unit::Seconds,
        "How long executions of the method take",
    ),
    (HITS, Unit::Seconds, "How long hits take: a sample"),
    (ERRORS, Unit::Count, "Failures of the cache, by kind"),
    (BREAKERS, Unit::Count, "1 while a circuit breaker is open"),
    (IN_FLIGHT, Unit::Count, "Executions that are under way"),
    (
        FOLLOWERS,
        Unit::Count,
        "Calls that wait for the execution of another call",
    ),
    (
        MISSES,
        Unit::Count,
        "Look-ups that gave no answer, by reason",
    ),
    (
        VALUES,
        Unit::Count,
        "Values that were computed, by what became of them",
    ),
    (REFRESH_FAILURES, Unit::Count, "Refreshes that failed"),
    (
        STORED_BYTES,
        Unit::Bytes,
        "Bytes of values that were stored",
    ),
    (EVICTIONS, Unit::Count, "Entries evicted to make room"),
    (
        SAVED,
        Unit::Microseconds,
        "What hits have saved: the cost of the executions that computed their values",
    ),
    (
        QUEUED,
        Unit::Count,
        "Declared invalidations that are sent again until the store takes them",
    ),
    (
        LOST,
        Unit::Count,
        "Declared invalidations that were given up",
    ),
];

/// A label besides `cache` and `method`.
type OwnLabel = Option<(&'static str, &'static str)>;

/// The metrics that count events.
pub(super) const EVENTS: [(Event, &str, OwnLabel); 20] = [
    (Event::absent, MISSES, Some(("reason", "absent"))),
    (Event::expired, MISSES, Some(("reason", "expired"))),
    (Event::undecodable, MISSES, Some(("reason", "unreadable"))),
    (Event::write, VALUES, Some(("result", "stored"))),
    (Event::failed, VALUES, Some(("result", "failed"))),
    (Event::refused, VALUES, Some(("result", "refused"))),
    (Event::too_large, VALUES, Some(("result", "too_large"))),
    (Event::unencodable, VALUES, Some(("result", "unencodable"))),
    (Event::misfit, VALUES, Some(("result", "misfit"))),
    (Event::fenced, VALUES, Some(("result", "fenced"))),
    (Event::unstored, VALUES, Some(("result", "store"))),
    (Event::read_only, VALUES, Some(("result", "mode"))),
    (Event::elsewhere, VALUES, Some(("result", "elsewhere"))),
    (Event::cancelled, VALUES, Some(("result", "cancelled"))),
    (Event::refresh_failed, REFRESH_FAILURES, None),
    (Event::stored_bytes, STORED_BYTES, None),
    (Event::evicted, EVICTIONS, None),
    (Event::saved_us, SAVED, None),
    (Event::queued, QUEUED, None),
    (Event::lost, LOST, None),
];
