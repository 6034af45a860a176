//! The guide: one module for each chapter, in the order in which to read them. Every example is a doctest.
//!
//! New here? Start with [`getting_started`]. Rustdoc sorts the chapters by name; their order is
//!
//! 1. [Getting started](getting_started)
//! 2. [Options](options)
//! 3. [Functions](functions)
//! 4. [Without a macro](without_macros)
//! 5. [Keys](keys)
//! 6. [What is stored](storing)
//! 7. [Expiry and staleness](expiry)
//! 8. [Concurrency](concurrency)
//! 9. [Batches](batches)
//! 10. [Invalidation](invalidation)
//! 11. [Failures](failures)
//! 12. [Eviction](eviction)
//! 13. [Testing](testing)
//! 14. [Modes and statistics](modes_and_stats)
//! 15. [Operating it](operating)
//! 16. [Metrics](metrics)
//! 17. [Traits, generics and threads](wrapping)
//! 18. [Codecs and features](codecs)
//! 19. [Performance](performance)
//! 20. [Limits](limits)
//! 21. [Servers](servers)
//! 22. [Coming from Python's `redis_func_cache`](from_python)
//! 23. [Coming from `cached`](from_cached)
//! 24. [From `cached`, example by example](from_cached_examples)

pub mod getting_started {
    #![doc = include_str!("../../docs/guide/getting_started.md")]
}

pub mod options {
    #![doc = include_str!("../../docs/guide/options.md")]
}

pub mod functions {
    #![doc = include_str!("../../docs/guide/functions.md")]
}

pub mod without_macros {
    #![doc = include_str!("../../docs/guide/without_macros.md")]
}

pub mod keys {
    #![doc = include_str!("../../docs/guide/keys.md")]
}

pub mod storing {
    #![doc = include_str!("../../docs/guide/storing.md")]
}

pub mod expiry {
    #![doc = include_str!("../../docs/guide/expiry.md")]
}

pub mod concurrency {
    #![doc = include_str!("../../docs/guide/concurrency.md")]
}

pub mod batches {
    #![doc = include_str!("../../docs/guide/batches.md")]
}

pub mod invalidation {
    #![doc = include_str!("../../docs/guide/invalidation.md")]
}

pub mod failures {
    #![doc = include_str!("../../docs/guide/failures.md")]
}

pub mod eviction {
    #![doc = include_str!("../../docs/guide/eviction.md")]
}

pub mod testing {
    #![doc = include_str!("../../docs/guide/testing.md")]
}

pub mod modes_and_stats {
    #![doc = include_str!("../../docs/guide/modes_and_stats.md")]
}

pub mod operating {
    #![doc = include_str!("../../docs/guide/operating.md")]
}

pub mod metrics {
    #![doc = include_str!("../../docs/guide/metrics.md")]
}

pub mod wrapping {
    #![doc = include_str!("../../docs/guide/wrapping.md")]
}

pub mod codecs {
    #![doc = include_str!("../../docs/guide/codecs.md")]
}

pub mod performance {
    #![doc = include_str!("../../docs/guide/performance.md")]
}

pub mod limits {
    #![doc = include_str!("../../docs/guide/limits.md")]
}

pub mod servers {
    #![doc = include_str!("../../docs/guide/servers.md")]
}

pub mod from_python {
    #![doc = include_str!("../../docs/guide/from_python.md")]
}

pub mod from_cached {
    #![doc = include_str!("../../docs/guide/from_cached.md")]
}

pub mod from_cached_examples {
    #![doc = include_str!("../../docs/guide/from_cached_examples.md")]
}
