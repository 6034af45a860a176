//! Life of entries and of pairs, by the server's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Policy, StructureTtl, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, unique};

use crate::entry_point::{Method, Place, Source, every_entry_point};

every_entry_point! {
    an_entry_is_never_served_past_its_ttl_whatever_else_is_read;
    the_builders_ttl_is_the_default_of_methods;
    an_entry_expires_in_real_time;
}

#[derive(Default)]
struct Clocked {
    runs: AtomicU64,
}

#[cache_impl(single, maxsize = 4)]
impl Clocked {
    /// As long as the builder says.
    async fn plain(&self, n: u8) -> u64 {
        self.next(n)
    }

    #[cache(ttl = "10m")]
    async fn brief(&self, n: u8) -> u64 {
        self.next(n)
    }

    #[cache(ttl = "3h")]
    async fn long(&self, n: u8) -> u64 {
        self.next(n)
    }

    #[nocache]
    fn next(&self, _: u8) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }
}

const START_US: u64 = 1_800_000_000_000_000;
const MINUTE_US: u64 = 60_000_000;

fn build(builder: CacheBuilder) -> (Cache, CachedClocked) {
    let cache = builder.build().unwrap();
    let repo = Clocked::default().cached(&cache);
    (cache, repo)
}

/// One body for the memory store and every server.
async fn everywhere<F: Future<Output = ()>>(test: impl Fn(CacheBuilder, Option<Arc<Server>>) -> F) {
    test(Cache::builder(unique("ttl")).memory(), None).await;
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        test(
            Cache::builder(unique("ttl"))
                .redis(server.url())
                .deadline(PATIENT),
            Some(server.clone()),
        )
        .await;
        check_pairs(&server);
    }
}

async fn an_entry_is_never_served_past_its_ttl_whatever_else_is_read(place: Place) {
    let clock = Arc::new(AtomicU64::new(START_US));
    let cache = place.builder().manual_clock(clock.clone()).single();
    let source = Source::new(|run| async move { Ok(Some(run.number)) });
    let subject = place.subject(&cache.build().unwrap(), &source);
    let call = || subject.call(Method::Minutes10, 1);
    assert_eq!(call().await, Ok(Some(0)));
    for _ in 0..9 {
        clock.fetch_add(MINUTE_US, Ordering::SeqCst);
        assert_eq!(call().await, Ok(Some(0)));
        subject.call(Method::Other, 1).await.unwrap();
    }
    clock.fetch_add(MINUTE_US - 1000, Ordering::SeqCst);
    assert_eq!(call().await, Ok(Some(0)));
    clock.fetch_add(1000, Ordering::SeqCst);
    let entry = subject.entry(Method::Minutes10, 1);
    assert_eq!(entry.peek().await.unwrap(), None);
    assert_eq!(entry.ttl().await.unwrap(), None);
    assert_eq!(call().await, Ok(Some(2)));
}

async fn the_builders_ttl_is_the_default_of_methods(place: Place) {
    let cache = place.builder().ttl(Duration::from_secs(40 * 60));
    let subject = place.subject(&cache.build().unwrap(), &Arc::default());
    for (method, minutes) in [(Method::Other, 40), (Method::Minutes10, 10)] {
        subject.call(method, 1).await.unwrap();
        let left = subject.entry(method, 1).ttl().await.unwrap().unwrap();
        assert_eq!(left.as_secs().div_ceil(60), minutes);
    }
}

async fn an_entry_expires_in_real_time(place: Place) {
    let cache = place.builder().ttl(Duration::from_millis(60));
    let source = Source::new(|run| async move { Ok(Some(run.number)) });
    let subject = place.subject(&cache.build().unwrap(), &source);
    assert_eq!(subject.call(Method::Other, 1).await, Ok(Some(0)));
    let deadline = Instant::now() + Duration::from_secs(5);
    let entry = subject.entry(Method::Other, 1);
    while entry.peek().await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "the entry does not expire");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(subject.call(Method::Other, 1).await, Ok(Some(1)));
}

#[tokio::test]
async fn expired_entries_are_evicted_before_live_ones() {
    everywhere(|builder, _server| async move {
        let clock = Arc::new(AtomicU64::new(START_US));
        // The most recently used is evicted first: without the sweep the live entries would be the victims.
        let (cache, repo) = build(
            builder
                .manual_clock(clock.clone())
                .policy(redis_func_cache::Policy::Mru),
        );
        repo.brief(1).await;
        repo.long(1).await;
        repo.long(2).await;
        repo.long(3).await;
        clock.fetch_add(11 * MINUTE_US, Ordering::SeqCst);
        repo.long(4).await;
        for n in 1..5 {
            assert!(repo.entry().long(n).peek().await.unwrap().is_some(), "{n}");
        }
        assert_eq!(cache.stats().evicted, 0);
        assert_eq!(cache.len().await.unwrap(), 4);
    })
    .await;
}

#[tokio::test]
async fn sixteen_puts_sweep_expired_entries() {
    everywhere(|builder, _server| async move {
        let clock = Arc::new(AtomicU64::new(START_US));
        let (cache, repo) = build(builder.manual_clock(clock.clone()).policy(Policy::Mru));
        repo.brief(1).await;
        repo.brief(2).await;
        repo.long(1).await;
        repo.long(2).await;
        // It looks for expired ones, and there are none.
        repo.long(3).await;
        assert_eq!(cache.stats().evicted, 1);
        clock.fetch_add(11 * MINUTE_US, Ordering::SeqCst);
        for n in 10..26 {
            repo.long(n).await;
        }
        assert_eq!(
            cache.stats().evicted,
            16,
            "all but the last evicted a live one"
        );
        // One sweep found both: there is room for one more.
        repo.long(30).await;
        assert_eq!(cache.stats().evicted, 16);
        repo.long(31).await;
        assert_eq!(cache.stats().evicted, 17);
        assert_eq!(cache.len().await.unwrap(), 4);
    })
    .await;
}

/// A ranking can be newer than its values: some servers end single fields of a hash.
#[tokio::test]
async fn a_put_gives_every_key_of_a_pair_an_expiry() {
    everywhere(|builder, server| async move {
        let Some(server) = server else { return };
        let (_cache, repo) = build(builder);
        repo.brief(1).await;
        let keys = server.keys();
        assert_eq!(keys.len(), 3, "{keys:?}");
        // The epoch in the key of leases is the entries': without an end it would be left behind.
        for key in &keys {
            assert_eq!(server.query::<u8>(&["PERSIST", key]), 1, "{key}");
            repo.brief(2).await;
            repo.entry().brief(2).invalidate().await.unwrap();
            for key in &keys {
                let left: i64 = server.query(&["PTTL", key]);
                assert!(left > 0, "{}: {key} {left}", server.binary());
            }
        }
    })
    .await;
}

/// What is left of ranking and values. The key of leases, which has the epochs of the entries, outlives both.
fn pttl(server: &Server) -> Vec<i64> {
    let (leases, keys): (Vec<_>, Vec<_>) = server
        .keys()
        .into_iter()
        .partition(|key| key.ends_with(":2"));
    let left = |key: &String| -> i64 { server.query(&["PTTL", key]) };
    let left_of_keys: Vec<i64> = keys.iter().map(left).collect();
    for key in &leases {
        let left = left(key);
        let outlives = |&of_key: &i64| left == -1 || (of_key >= 0 && left > of_key);
        assert!(left_of_keys.iter().all(outlives), "{left} {left_of_keys:?}");
    }
    left_of_keys
}

/// The ranking and the values.
fn halves(server: &Server) -> Vec<String> {
    let keys = server.keys().into_iter();
    keys.filter(|key| !key.ends_with(":2")).collect()
}

#[tokio::test]
async fn every_use_extends_a_sliding_pair() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("sliding"))
            .redis(server.url())
            .deadline(PATIENT);
        let (_cache, repo) =
            build(builder.structure_ttl(StructureTtl::Sliding(Duration::from_secs(100))));
        repo.plain(1).await;
        assert!(pttl(&server).iter().all(|&ms| ms > 98_000 && ms <= 100_000));
        for key in halves(&server) {
            let _: () = server.query(&["PEXPIRE", &key, "5000"]);
        }
        repo.plain(1).await;
        support::eventually("a hit slides", Duration::from_secs(5), || {
            pttl(&server).iter().all(|&ms| ms > 98_000)
        });
        for key in halves(&server) {
            let _: () = server.query(&["PEXPIRE", &key, "5000"]);
        }
        repo.plain(2).await;
        assert!(pttl(&server).iter().all(|&ms| ms > 98_000), "a put slides");
        check_pairs(&server);
    }
}

#[tokio::test]
async fn insignificant_hits_still_extend_a_short_sliding_pair() {
    let server = Server::start();
    for policy in [Policy::Lfu, Policy::LruT, Policy::Lru, Policy::Fifo] {
        let mut runs = Vec::new();
        // A loaded machine may stand still for longer than the pair lives: not three times.
        while runs.len() < 3 && !runs.contains(&1) {
            runs.push(runs_of_a_short_pair(&server, &policy).await);
        }
        assert!(runs.contains(&1), "{policy:?}: {runs:?}");
    }
    check_pairs(&server);
}

/// How often the method runs, of an entry that is hit all the time for longer than its pair would live.
async fn runs_of_a_short_pair(server: &Server, policy: &Policy) -> u64 {
    let sliding = StructureTtl::Sliding(Duration::from_millis(800));
    let builder = Cache::builder(unique("short")).redis(server.url());
    let builder = builder.deadline(PATIENT).policy(policy.clone());
    let (cache, repo) = build(builder.structure_ttl(sliding));
    for _ in 0..2_000 {
        repo.plain(1).await;
    }
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        repo.plain(1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cache.stats().exec
}

#[tokio::test]
async fn a_fixed_pair_expires_on_time() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("fixed"))
            .redis(server.url())
            .deadline(PATIENT);
        let (_cache, repo) =
            build(builder.structure_ttl(StructureTtl::Fixed(Duration::from_secs(100))));
        repo.plain(1).await;
        for key in halves(&server) {
            let _: () = server.query(&["PEXPIRE", &key, "5000"]);
        }
        repo.plain(1).await;
        repo.plain(2).await;
        assert!(pttl(&server).iter().all(|&ms| ms <= 5000));
        check_pairs(&server);
    }
}

#[tokio::test]
async fn a_pair_never_expires_before_its_entries() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for structure in [
            StructureTtl::Sliding(Duration::from_secs(100)),
            StructureTtl::Fixed(Duration::from_secs(100)),
        ] {
            let builder = Cache::builder(unique("needs"))
                .redis(server.url())
                .deadline(PATIENT);
            let (cache, repo) = build(builder.structure_ttl(structure));
            repo.long(1).await;
            repo.brief(1).await;
            repo.plain(1).await;
            repo.plain(1).await;
            let three_hours = 3 * 3600 * 1000;
            assert!(
                pttl(&server).iter().all(|&ms| ms > three_hours - 60_000),
                "{structure:?}"
            );
            check_pairs(&server);
            cache.purge().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_pair_without_ttl_never_expires() {
    let server = Server::start();
    let builder = Cache::builder(unique("never"))
        .redis(server.url())
        .deadline(PATIENT);
    let (_cache, repo) = build(builder.structure_ttl(StructureTtl::Never));
    repo.plain(1).await;
    repo.brief(1).await;
    assert_eq!(pttl(&server), [-1, -1]);
    assert_eq!(
        repo.entry().plain(1).ttl().await.unwrap(),
        Some(Duration::MAX)
    );
}

#[tokio::test]
async fn pairs_in_memory_expire_as_well() {
    let builder = Cache::builder(unique("memory"));
    let (cache, repo) =
        build(builder.structure_ttl(StructureTtl::Fixed(Duration::from_millis(40))));
    assert_eq!(repo.plain(1).await, 0);
    tokio::time::sleep(Duration::from_millis(45)).await;
    assert_eq!(cache.len().await.unwrap(), 0);
    assert_eq!(repo.plain(1).await, 1);
}

#[tokio::test]
async fn a_server_with_field_expiry_removes_the_value_itself() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        if server
            .try_query::<redis::Value>(&["HPTTL", "none", "FIELDS", "1", "f"])
            .is_err()
        {
            support::skipped(&format!("{binary} has no HPEXPIRE"));
            continue;
        }
        let (cache, repo) = build(
            Cache::builder(unique("field"))
                .redis(server.url())
                .deadline(PATIENT),
        );
        repo.brief(1).await;
        let values = server
            .keys()
            .into_iter()
            .find(|key| key.ends_with(":1"))
            .unwrap();
        let script =
            "return redis.call('HPTTL', KEYS[1], 'FIELDS', 1, redis.call('HKEYS', KEYS[1])[1])[1]";
        let left: i64 = server.query(&["EVAL", script, "1", &values]);
        assert!(left > 599_000 && left <= 600_000, "{left}");
        cache.write_only(repo.brief(1)).await;
        let left: i64 = server.query(&["EVAL", script, "1", &values]);
        assert!(left > 599_000, "an overwrite sets it again: {left}");
    }
}
