//! Settings that make no sense are errors that say what to write instead.

use std::time::Duration;

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, CustomPolicy, Policy, StructureTtl, cache_impl,
};

#[track_caller]
fn refused(builder: CacheBuilder, words: &[&str]) {
    let error = builder.build().unwrap_err();
    assert!(error.is_config());
    for word in words {
        assert!(
            error.to_string().contains(word),
            "`{error}` does not say `{word}`"
        );
    }
}

fn shop() -> CacheBuilder {
    Cache::builder("shop")
}

#[test]
fn sizes_and_durations_have_bounds() {
    refused(shop().maxsize(0), &["`maxsize` is 0", "from 1 to"]);
    refused(shop().maxsize(u64::MAX), &["`maxsize`", "1000000000"]);
    refused(
        shop().ttl(Duration::ZERO),
        &["`ttl`", "at least one millisecond", "leave it out"],
    );
    refused(shop().ttl(Duration::from_nanos(5)), &["`ttl`"]);
    refused(shop().ttl(Duration::MAX), &["`ttl`", "100 years"]);
    refused(
        shop().structure_ttl(StructureTtl::Sliding(Duration::ZERO)),
        &["`structure_ttl`"],
    );
    refused(
        shop().structure_ttl(StructureTtl::Fixed(Duration::MAX)),
        &["`structure_ttl`"],
    );
    refused(
        shop().deadline(Duration::ZERO),
        &["`deadline`", "from 1 ms to 60 s"],
    );
    refused(shop().deadline(Duration::from_secs(3600)), &["`deadline`"]);
    refused(shop().max_entry_bytes(0), &["`max_entry_bytes`"]);
    refused(shop().max_entry_bytes(usize::MAX), &["64 MiB"]);
}

#[test]
fn a_jitter_is_at_most_half_of_the_ttl() {
    for share in [-0.1, 0.51, f64::NAN, f64::INFINITY] {
        refused(shop().ttl_jitter(share), &["`ttl_jitter`", "0 to 0.5"]);
    }
    for share in [0.0, 0.25, 0.5] {
        assert!(shop().ttl_jitter(share).build().is_ok());
    }
}

struct Rates;

#[cache_impl(stale = "10m", early = 0.9)]
impl Rates {
    #[cache(early = "off")]
    fn stale(&self) -> u8 {
        1
    }
    #[cache(stale = "off")]
    fn early(&self) -> u8 {
        1
    }
    #[cache(stale = "off", early = "off")]
    fn neither(&self) -> u8 {
        1
    }
}

#[test]
fn stale_and_early_require_a_ttl() {
    let cache = shop().build().unwrap();
    let rates = Rates.cached(&cache);
    for _ in 0..2 {
        assert_eq!((rates.stale(), rates.early(), rates.neither()), (1, 1, 1));
    }
    let stats = cache.stats();
    assert_eq!(
        (stats.bypass, stats.hit),
        (4, 1),
        "not cached, but answered"
    );
    assert!(rates.entry().stale().peek().unwrap_err().is_config());

    let cache = shop().ttl(Duration::from_secs(60)).build().unwrap();
    let rates = Rates.cached(&cache);
    for _ in 0..2 {
        assert_eq!((rates.stale(), rates.early(), rates.neither()), (1, 1, 1));
    }
    assert_eq!((cache.stats().bypass, cache.stats().hit), (0, 3));
}

#[test]
fn names_have_a_maximum_length() {
    refused(Cache::builder(""), &["name", "1 to 256"]);
    refused(Cache::builder("x".repeat(257)), &["257 bytes"]);
    refused(
        shop().prefix("x".repeat(1 << 20)),
        &["`prefix`", "at most 256"],
    );
}

#[test]
fn urls_are_checked_and_not_shown() {
    for url in [
        "",
        "nonsense",
        "http://:canary@host",
        "redis://:canary@host:port",
        "redis://host/canary",
        "rediss//x",
    ] {
        let error = shop().redis(url).build().unwrap_err();
        assert!(error.is_config(), "{url}");
        assert!(
            error.to_string().contains("redis://[user:password@]host"),
            "{error}"
        );
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    refused(
        shop().redis_cluster(Vec::<String>::new()),
        &["no URL", "at least one server"],
    );
    refused(shop().redis_cluster(["nonsense"]), &["URL"]);
    refused(
        shop().redis_sentinel(Vec::<String>::new(), "primary"),
        &["redis_sentinel", "at least one server"],
    );
}

#[test]
fn a_custom_policy_needs_a_valid_and_distinct_name() {
    for (name, words) in [
        ("", "a-z"),
        ("Upper", "a-z"),
        ("a:b", "a-z"),
        ("lru", "built-in"),
        ("rr", "built-in"),
    ] {
        let error = CustomPolicy::new(name).build().unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains(words),
            "{error}"
        );
    }
    let own = CustomPolicy::new("own").build().unwrap();
    assert!(
        CustomPolicy::new("other")
            .in_memory(own.clone())
            .build()
            .is_err()
    );
    refused(
        shop().policy(own.clone()),
        &["`own`", "in_memory(Policy::LruT)", "use Redis"],
    );
    assert!(
        shop()
            .policy(own)
            .redis("redis://localhost")
            .build()
            .is_ok()
    );
    let stand_in = CustomPolicy::new("own")
        .in_memory(Policy::Lru)
        .build()
        .unwrap();
    assert!(shop().policy(stand_in).build().is_ok());
}

#[test]
fn debug_of_a_builder_shows_no_url() {
    let builder = shop().redis("redis://:canary@localhost");
    assert!(!format!("{builder:?}").contains("canary"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("canary"));
}
