//! The guide: one module for each chapter, in the order in which to read them. Every example is a doctest.
//!
//! New here? Start with [`getting_started`]. Rustdoc sorts the chapters by name; their order is
//!
//! 1. [Getting started](getting_started)
//! 2. [Options](options)
//! 3. [Keys](keys)
//! 4. [What is stored](storing)
//! 5. [Expiry and staleness](expiry)
//! 6. [Concurrency](concurrency)
//! 7. [Invalidation](invalidation)
//! 8. [Failures](failures)
//! 9. [Eviction](eviction)
//! 10. [Testing](testing)
//! 11. [Modes and statistics](modes_and_stats)
//! 12. [Traits, generics and threads](wrapping)
//! 13. [Without a macro](without_macros)
//! 14. [Codecs and features](codecs)
//! 15. [Performance](performance)
//! 16. [Limits](limits)
//! 17. [Servers](servers)
//! 18. [Coming from Python's `redis_func_cache`](from_python)
//! 19. [Coming from `cached`](from_cached)

pub mod getting_started {
    #![doc = include_str!("../../docs/guide/getting_started.md")]
}

pub mod options {
    #![doc = include_str!("../../docs/guide/options.md")]
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

pub mod wrapping {
    #![doc = include_str!("../../docs/guide/wrapping.md")]
}

pub mod without_macros {
    #![doc = include_str!("../../docs/guide/without_macros.md")]
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
