//! What a server loses, evicts and forgets under its callers costs runs of methods, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::RedisResult;
use redis_func_cache::{Cache, Policy};
use support::outage::Outage;
use support::{Proxy, Sentinel, Server, binaries, check_pairs, check_pairs_except, unique};

/// Calls of a crowd, while something is done to the server again and again.
async fn while_calling(
    outage: &Arc<Outage>,
    rounds: usize,
    mut done: impl FnMut() + Send + 'static,
) {
    let ended = Arc::new(AtomicBool::new(false));
    let until = ended.clone();
    let doing = std::thread::spawn(move || {
        for _ in 0..rounds {
            done();
            std::thread::sleep(Duration::from_millis(20));
        }
        until.store(true, Ordering::SeqCst);
    });
    while !ended.load(Ordering::SeqCst) {
        outage.crowd(20).await;
    }
    doing.join().unwrap();
}

fn calls(server: &Server, command: &str) -> u64 {
    try_calls(server, command).unwrap()
}

fn try_calls(server: &Server, command: &str) -> RedisResult<u64> {
    let info: String = server.try_query(&["INFO", "commandstats"])?;
    let name = format!("cmdstat_{command}:calls=");
    let line = info.lines().find_map(|line| line.strip_prefix(&name));
    Ok(line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_are_sent_again() {
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        // Not one `EVAL` of its own accord: these record no hits.
        let builder = Cache::builder(unique("scripts")).redis(server.url());
        let outage = Arc::new(Outage::on(builder.policy(Policy::Fifo)).await);
        let flushed = server.clone();
        let before = calls(&server, "eval");
        while_calling(&outage, 30, move || {
            let _: () = flushed.query(&["SCRIPT", "FLUSH"]);
        })
        .await;
        let (evals, shas) = (calls(&server, "eval") - before, calls(&server, "evalsha"));
        println!("30 flushes on {binary}: {evals} EVAL, {shas} EVALSHA");
        // A few may be on their way at each flush.
        assert!(evals <= 30 * 8, "{evals} of {shas}");
        assert_eq!(outage.cache.stats().error, 0, "{binary}");
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_data_is_computed_again() {
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        let outage = Arc::new(Outage::of(&server.url()).await);
        let flushed = server.clone();
        while_calling(&outage, 30, move || {
            let _: () = flushed.query(&["FLUSHALL"]);
        })
        .await;
        let stats = outage.cache.stats();
        assert_eq!(stats.error, 0, "{binary}");
        assert!(stats.exec <= stats.miss, "{stats:?}");
        assert_eq!(outage.cache.stats().error, 0);
        outage.until_hits_return().await;
        check_pairs(&server);
    }
}

/// Either key of the pair is deleted, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_halves_of_pairs_are_repaired() {
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        let outage = Arc::new(Outage::of(&server.url()).await);
        let torn = server.clone();
        let mut round = 0;
        while_calling(&outage, 30, move || {
            round += 1;
            let half = if round % 2 == 0 { ":0" } else { ":1" };
            for key in torn.keys().iter().filter(|key| key.ends_with(half)) {
                let _: () = torn.query(&["DEL", key]);
            }
        })
        .await;
        assert_eq!(outage.cache.stats().error, 0, "{binary}");
        outage.misses(2).await;
        outage.until_hits_return().await;
        check_pairs(&server);
    }
}

/// A server short of memory evicts whichever key it likes: pairs are torn all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicted_halves_of_pairs_are_repaired() {
    for binary in binaries() {
        for evicts in ["allkeys-lru", "allkeys-random"] {
            let server = Server::start_on(&binary);
            let mut caches = Vec::new();
            for _ in 0..20 {
                let builder = Cache::builder(unique("evicted")).maxsize(20);
                caches.push(Arc::new(Outage::on(builder.redis(server.url())).await));
            }
            let info: String = server.query(&["INFO", "memory"]);
            let used = info
                .lines()
                .find_map(|line| line.strip_prefix("used_memory:"));
            let used: u64 = used.unwrap().trim().parse().unwrap();
            let _: () = server.query(&["CONFIG", "SET", "maxmemory-policy", evicts]);
            // What the server takes for itself is a part of it.
            let _: () = server.query(&["DEBUG", "POPULATE", "2000", "ballast", "500"]);
            let limit = (used + 600_000).to_string();
            let _: () = server.query(&["CONFIG", "SET", "maxmemory", &limit]);
            for outage in &caches {
                outage.misses(10).await;
                outage.hits_of_residents().await;
            }
            let info: String = server.query(&["INFO", "stats"]);
            let evicted = info
                .lines()
                .find_map(|line| line.strip_prefix("evicted_keys:"));
            println!("{evicts} on {binary}: {} keys evicted", evicted.unwrap());
            let _: () = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
            for outage in &caches {
                // The put after the loss repairs.
                outage.misses(1).await;
                outage.until_hits_return().await;
            }
            check_pairs_except(&server, &["ballast"]);
        }
    }
}

/// The primary hangs, another one is elected, and the first comes back and believes that it still is.
#[tokio::test]
async fn a_replaced_primary_that_comes_back_is_not_used() {
    let sentinel = Sentinel::start();
    let builder = Cache::builder(unique("zombie"));
    let builder = builder.redis_sentinel(sentinel.sentinel_urls(), sentinel.service_name());
    let outage = Outage::on(builder).await;
    sentinel.primary().stop();
    let slowest = outage.misses(100).await;
    assert!(slowest.max() < Duration::from_millis(500), "{slowest:?}");
    sentinel.wait_until_failed_over();
    let returned = outage.until_hits_return().await;
    sentinel.primary().cont();
    // What is stored from now on is on the new primary, and hits are its.
    let before = calls(sentinel.replica(), "hmget");
    outage.misses(20).await;
    assert_eq!(outage.hits_of_residents().await, 8);
    assert!(calls(sentinel.replica(), "hmget") >= before + 8);
    println!("failover of a frozen primary: hits {returned:?} after the promotion");
    check_pairs(sentinel.replica());
}

/// A planned failover: the old primary becomes a replica and keeps its connections.
#[tokio::test]
async fn a_planned_failover_is_followed() {
    let sentinel = Sentinel::start();
    let builder = Cache::builder(unique("planned"));
    let builder = builder.redis_sentinel(sentinel.sentinel_urls(), sentinel.service_name());
    let outage = Outage::on(builder).await;
    let _: () = sentinel.sentinels()[0].query(&["SENTINEL", "FAILOVER", sentinel.service_name()]);
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    // The server that is promoted closes connections, this test's own as well.
    let scripts = || {
        let calls = |command| try_calls(sentinel.replica(), command).unwrap_or(0);
        calls("evalsha") + calls("eval")
    };
    loop {
        let before = outage.cache.stats().write;
        slowest = slowest.max(outage.misses(1).await.max());
        if outage.cache.stats().write > before && scripts() > 0 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "writes go on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    println!(
        "planned failover: writes on the new primary after {:?}, slowest call {slowest:?}",
        started.elapsed()
    );
    outage.until_hits_return().await;
}

/// The address leads to another server now, and the old one is a replica that keeps its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_behind_a_moved_address_is_not_used() {
    let (old, new) = (Server::start(), Server::start());
    let proxy = Proxy::start(old.port());
    let outage = Outage::of(&proxy.url()).await;
    proxy.redirect(new.port());
    let port = new.port().to_string();
    let _: () = old.query(&["REPLICAOF", "127.0.0.1", &port]);
    let (started, before) = (Instant::now(), outage.cache.stats().write);
    while outage.cache.stats().write == before {
        assert!(started.elapsed() < Duration::from_secs(10), "writes go on");
        outage.misses(1).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("writes on the new primary after {:?}", started.elapsed());
    // In lanes too, which only read.
    outage.until_hits_return().await;
    let reads = calls(&old, "hmget");
    assert_eq!(outage.hits_of_residents().await, 8);
    assert_eq!(calls(&old, "hmget"), reads);
    check_pairs(&new);
}
