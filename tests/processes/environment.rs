//! Where a cache keeps its entries that asks the environment. A process for each case, as a process has one
//! environment.

use std::process::Command;

use redis_func_cache::{Cache, CacheExt as _, StoreKind, cache_impl};
use support::log::Log;
use tracing::Level;

/// Set in the processes that are started here.
const CASE: &str = "REDIS_FUNC_CACHE_TEST_ENVIRONMENT";

struct Repo;

#[cache_impl]
impl Repo {
    fn find(&self, id: u32) -> u32 {
        id
    }
}

fn run(case: &str, url: Option<&str>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "environment::a_process", "--nocapture"])
        .env(CASE, case)
        .env_remove("REDIS_URL");
    if let Some(url) = url {
        command.env("REDIS_URL", url);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{case}: {text}");
    assert!(text.contains("1 passed"), "{case}: {text}");
}

#[test]
fn without_a_url_the_cache_is_in_memory_and_says_so_once() {
    run("memory", None);
    run("memory", Some(""));
}

#[test]
fn with_a_url_the_cache_is_on_that_server() {
    run("redis", Some("redis://127.0.0.1:1"));
}

#[test]
fn an_invalid_url_is_an_error() {
    run("wrong", Some("canary"));
}

/// What the tests above start.
#[test]
fn a_process() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let log = Log::start();
    match case.as_str() {
        "memory" => in_memory(&log),
        "redis" => {
            let cache = Cache::from_env("shop").unwrap();
            assert_eq!(cache.store_kind(), StoreKind::Redis);
            assert_eq!(log.said(Level::INFO, "REDIS_URL"), [""; 0]);
        }
        "wrong" => {
            let error = Cache::from_env("shop").unwrap_err();
            assert!(error.is_config(), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        other => panic!("unknown case {other}"),
    }
}

fn in_memory(log: &Log) {
    let meant = Cache::builder("meant").redis_from_env().memory().build();
    assert_eq!(meant.unwrap().store_kind(), StoreKind::Memory);
    let plain = Cache::builder("plain").build();
    assert_eq!(plain.unwrap().store_kind(), StoreKind::Memory);
    let other = Cache::builder("other")
        .redis("redis://127.0.0.1:1")
        .redis_from_env()
        .build();
    assert_eq!(other.unwrap().store_kind(), StoreKind::Redis);
    assert_eq!(log.said(Level::INFO, "REDIS_URL"), [""; 0]);

    let cache = Cache::from_env("shop").unwrap();
    assert_eq!(cache.store_kind(), StoreKind::Memory);
    let repo = Repo.cached(&cache);
    assert_eq!((repo.find(1), repo.find(1)), (1, 1));
    assert_eq!(cache.stats().hit, 1);
    let said = log.said(Level::INFO, "REDIS_URL");
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["shop", "memory", "redis://"] {
        assert!(said[0].contains(part), "`{part}` in {}", said[0]);
    }
}
