//! `CacheSettings`: settings from files and the environment.

use std::time::Duration;

use redis_func_cache::{Cache, CacheSettings, StoreKind};
use serde_json::{Value, json};

fn read(settings: Value) -> Result<CacheSettings, String> {
    serde_json::from_value(settings).map_err(|error| error.to_string())
}

fn build(settings: Value) -> Cache {
    let settings = read(settings).unwrap();
    Cache::builder("settings")
        .settings(settings)
        .build()
        .unwrap()
}

/// How many entries a cache keeps, and how long.
fn kept(cache: &Cache) -> (u64, Option<Duration>) {
    let function = cache.function("f").build().unwrap();
    for id in 0..5_u64 {
        function.get_with_sync(&id, || id);
    }
    let ttl = function.entry_sync::<u64>(&4_u64).ttl().unwrap();
    (pollster::block_on(cache.len()).unwrap(), ttl)
}

#[test]
fn settings_are_those_of_the_builder() {
    let (kept_entries, ttl) = kept(&build(json!({ "maxsize": 3, "ttl": "1h30m" })));
    let ttl = ttl.unwrap();
    assert_eq!(kept_entries, 3);
    assert!(
        ttl <= Duration::from_secs(5400) && ttl > Duration::from_secs(5300),
        "{ttl:?}"
    );

    // All at once, as texts: as the environment has them.
    let cache = build(json!({
        "redis": "redis://127.0.0.1:1", "prefix": "p", "policy": "lfu", "layout": "multiple", "maxsize": "7",
        "ttl": "5m", "ttl_jitter": "0.1", "structure_ttl": "fixed 1d", "codec": "json", "touch": "exact",
        "stampede": "local", "fallback_concurrency": "4", "compress_above": "1000",
        "max_entry_bytes": "5000", "deadline": "50ms", "invalidation_queue": "9", "enabled": "false",
    }));
    assert_eq!(cache.store_kind(), StoreKind::Redis);
    assert!(!cache.is_enabled());
    let cluster = build(json!({ "redis_cluster": "redis://a:1, redis://b:1" }));
    assert_eq!(cluster.store_kind(), StoreKind::RedisCluster);
    for structure in ["never", "2h"] {
        build(json!({ "structure_ttl": structure, "touch": "20ms", "ttl_jitter": 0.2 }));
    }
}

#[test]
fn later_settings_go_before_earlier_ones_and_leave_the_rest() {
    let file = read(json!({ "redis": "redis://localhost", "maxsize": 3, "ttl": "1h" })).unwrap();
    let environment = read(json!({ "memory": true, "ttl": "off" })).unwrap();
    let builder = Cache::builder("settings").maxsize(9).settings(file);
    let cache = builder.settings(environment).build().unwrap();
    assert_eq!(cache.store_kind(), StoreKind::Memory);
    let (entries, ttl) = kept(&cache);
    assert_eq!(entries, 3);
    assert!(
        ttl.unwrap() <= Duration::from_secs(3600),
        "that of the pair"
    );
}

#[test]
fn errors_name_the_key() {
    for (key, value, says) in [
        (
            "ttl",
            json!("5 minutes"),
            "`ttl` is \"5 minutes\"; it must be a duration",
        ),
        ("ttl", json!(300), "`ttl` is 300; it must be a duration"),
        ("deadline", json!(null), "`deadline`"),
        (
            "maxsize",
            json!("many"),
            "`maxsize` is \"many\"; it must be a whole number",
        ),
        (
            "maxsize",
            json!(-1),
            "`maxsize` is -1; it must be a whole number",
        ),
        ("maxsize", json!(1.5), "`maxsize` is 1.5"),
        ("ttl_jitter", json!([1]), "`ttl_jitter` is"),
        (
            "policy",
            json!("lrut"),
            "`policy` is \"lrut\"; it must be one of \"fifo\"",
        ),
        (
            "layout",
            json!(true),
            "`layout` is true; it must be one of \"single\", \"multiple\"",
        ),
        (
            "codec",
            json!("xml"),
            "`codec` is \"xml\"; it must be one of \"cbor\"",
        ),
        ("touch", json!("soon"), "`touch` is \"soon\""),
        (
            "structure_ttl",
            json!("fixed x"),
            "`structure_ttl` is \"fixed x\"",
        ),
        (
            "enabled",
            json!("perhaps"),
            "`enabled` is \"perhaps\"; it must be `true` or `false`",
        ),
        (
            "memory",
            json!(false),
            "`memory` is false; it must be `true`",
        ),
        ("ttll", json!("5m"), "unknown field `ttll`, expected one of"),
    ] {
        let error = read(json!({ key: value })).unwrap_err();
        assert!(error.contains(says), "{error}");
        let long = read(json!({ key: "x".repeat(100_000) })).err();
        assert!(long.is_none_or(|error| error.len() < 1000), "{key}");
    }
    assert!(read(json!(["ttl"])).is_err());
    let twice = serde_json::from_str::<CacheSettings>(r#"{ "ttl": "5m", "ttl": "6m" }"#);
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("duplicate field `ttl`")
    );
    // What is out of bounds is found by `build`.
    for (key, value) in [
        ("maxsize", json!(0)),
        ("ttl", json!("0s")),
        ("deadline", json!("2h")),
    ] {
        let settings = read(json!({ key: value })).unwrap();
        let error = Cache::builder("settings")
            .settings(settings)
            .build()
            .unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains(&format!("`{key}`")),
            "{error}"
        );
    }
}

#[test]
fn neither_errors_nor_debug_show_a_password() {
    let settings = read(json!({ "redis": "redis://:canary@host", "ttl": "5m" })).unwrap();
    assert_eq!(format!("{settings:?}"), r#"["redis", "ttl"]"#);
    for (key, value) in [
        ("redis", json!(["redis://:canary@host"])),
        ("redis_cluster", json!({ "url": "redis://:canary@host" })),
    ] {
        let error = read(json!({ key: value })).unwrap_err();
        assert!(error.contains(key) && !error.contains("canary"), "{error}");
    }
}
