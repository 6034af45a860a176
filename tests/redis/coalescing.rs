//! A hit is a plain read, reads join, and hits are recorded behind the call.

use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, Policy, Touch, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, unique};

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u32) -> u32 {
        id
    }
}

fn calls(server: &Server, command: &str) -> u64 {
    let stats: String = server.query(&["INFO", "commandstats"]);
    let line = stats
        .lines()
        .find(|line| line.starts_with(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| {
        let calls = line.split_once("calls=").unwrap().1;
        calls.split(',').next().unwrap().parse().unwrap()
    })
}

fn build(server: &Server, touch: Touch) -> (Cache, CachedRepo) {
    let builder = Cache::builder(unique("reads"))
        .redis(server.url())
        .deadline(PATIENT)
        .touch(touch);
    let cache = builder.build().unwrap();
    let repo = Repo.cached(&cache);
    (cache, repo)
}

#[tokio::test]
async fn a_hit_runs_no_script_and_writes_nothing() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, repo) = build(&server, Touch::Behind(Duration::from_secs(50)));
        repo.find(1).await;
        let before = (calls(&server, "evalsha"), calls(&server, "zadd"));
        let reads = calls(&server, "hmget");
        for _ in 0..100 {
            repo.find(1).await;
        }
        assert_eq!(
            (calls(&server, "evalsha"), calls(&server, "zadd")),
            before,
            "{binary}"
        );
        assert_eq!(cache.stats().hit, 100);
        // Of entries, and of epochs.
        assert_eq!(calls(&server, "hmget"), reads + 200);
    }
}

#[tokio::test]
async fn concurrent_reads_join_and_equal_ones_are_asked_once() {
    let server = Server::start();
    let (cache, repo) = build(&server, Touch::default());
    for id in 0..50 {
        repo.find(id).await;
    }
    let before = calls(&server, "hmget");
    let all = (0..2000).map(|n| repo.find(n % 50));
    let answers = futures_util::future::join_all(all).await;
    assert!(
        answers
            .into_iter()
            .enumerate()
            .all(|(n, id)| id == u32::try_from(n).unwrap() % 50)
    );
    assert_eq!(cache.stats().hit, 2000);
    let asked = calls(&server, "hmget") - before;
    assert!(asked < 500, "{asked} commands for 2000 reads");
    check_pairs(&server);
}

#[tokio::test]
async fn hits_are_recorded_when_the_interval_is_over() {
    let server = Server::start();
    let (_cache, repo) = build(&server, Touch::Behind(Duration::from_millis(5)));
    repo.find(1).await;
    repo.find(2).await;
    let ranking = server
        .keys()
        .into_iter()
        .find(|key| key.ends_with(":0"))
        .unwrap();
    let order = || -> Vec<Vec<u8>> { server.query(&["ZRANGE", &ranking, "0", "-1"]) };
    let before = order();
    repo.find(1).await;
    support::eventually("the hit is recorded", Duration::from_secs(5), || {
        order() != before
    });
    assert_eq!(
        order().iter().rev().collect::<Vec<_>>(),
        before.iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn uses_between_two_flushes_all_count_for_lfu() {
    let server = Server::start();
    let builder = Cache::builder(unique("lfu"))
        .redis(server.url())
        .deadline(PATIENT)
        .policy(Policy::Lfu);
    let cache = builder
        .touch(Touch::Behind(Duration::from_millis(20)))
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    for _ in 0..31 {
        repo.find(1).await;
    }
    let ranking = server
        .keys()
        .into_iter()
        .find(|key| key.ends_with(":0"))
        .unwrap();
    support::eventually("thirty hits are recorded", Duration::from_secs(5), || {
        server.query::<String>(&[
            "EVAL",
            "return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]",
            "1",
            &ranking,
        ]) == "31"
    });
}

#[tokio::test]
async fn more_hits_than_one_script_takes_are_sent_at_once() {
    let server = Server::start();
    let builder = Cache::builder(unique("many"))
        .redis(server.url())
        .deadline(PATIENT)
        .maxsize(5000);
    let cache = builder
        .touch(Touch::Behind(Duration::from_secs(50)))
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    for id in 0..1500 {
        repo.find(id).await;
    }
    let before = calls(&server, "zadd");
    for id in 0..1500 {
        repo.find(id).await;
    }
    support::eventually(
        "a thousand hits are recorded, long before the interval is over",
        Duration::from_secs(5),
        || calls(&server, "zadd") > before,
    );
    check_pairs(&server);
}

/// Uses that another process has recorded since are not taken back by those that waited here.
#[tokio::test]
async fn no_hit_moves_an_entry_back() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (_cache, repo) = build(&server, Touch::Behind(Duration::from_millis(5)));
        repo.find(1).await;
        let keys = server.keys();
        let ranking = keys.iter().find(|key| key.ends_with(":0")).unwrap();
        let field: Vec<Vec<u8>> = server.query(&["ZRANGE", ranking, "0", "0"]);
        let later = 1e17;
        let score = || {
            let command = redis::cmd("ZSCORE").arg(ranking).arg(&field[0]).to_owned();
            command.query::<f64>(&mut server.connection()).unwrap()
        };
        let mut set = redis::cmd("ZADD");
        set.arg(ranking).arg(later).arg(&field[0]);
        set.exec(&mut server.connection()).unwrap();
        let before = calls(&server, "zadd");
        repo.find(1).await;
        support::eventually("the hit is sent", Duration::from_secs(5), || {
            calls(&server, "zadd") > before
        });
        assert!(score() >= later, "{binary}");
        repo.find(1).await;
        repo.find(2).await;
        assert!(score() >= later, "with a put, {binary}");
    }
}

/// Hits on an entry that is hit all the time, and that would move it by nothing that matters, wait;
/// those of others do not.
#[tokio::test]
async fn insignificant_hits_are_deferred_for_a_second() {
    for (policy, rare) in [
        (Policy::LruT, false),
        (Policy::Lfu, false),
        (Policy::Lfu, true),
    ] {
        let server = Server::start();
        let builder = Cache::builder(unique("wait"))
            .redis(server.url())
            .deadline(PATIENT)
            .policy(policy.clone());
        let cache = builder.build().unwrap();
        let repo = Repo.cached(&cache);
        repo.find(1).await;
        // The entry that is evicted first gets old.
        repo.find(2).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let hot = Instant::now() + Duration::from_secs(3);
        let mut hits = 0;
        let before = calls(&server, "zadd");
        while Instant::now() < hot {
            repo.find(1).await;
            hits += 1;
            if rare {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let sent = calls(&server, "zadd") - before;
        if rare {
            assert!(sent >= 6, "{policy:?}: {sent} of {hits}");
        } else {
            assert!(hits > 1000, "{hits}");
            assert!(
                sent < 150,
                "{policy:?}: {sent} of {hits}, and not one each 10 ms"
            );
        }
        if policy == Policy::Lfu {
            // And then all of them are known.
            let keys = server.keys();
            let ranking = keys.iter().find(|key| key.ends_with(":0")).unwrap();
            support::eventually("all hits are counted", Duration::from_secs(5), || {
                let most: Vec<(Vec<u8>, f64)> =
                    server.query(&["ZRANGE", ranking, "-1", "-1", "WITHSCORES"]);
                most[0].1 >= f64::from(hits)
            });
        }
        check_pairs(&server);
    }
}

#[tokio::test]
async fn hits_that_cannot_be_recorded_are_counted_and_do_no_harm() {
    let server = Server::start();
    let (cache, repo) = build(&server, Touch::Behind(Duration::from_millis(5)));
    repo.find(1).await;
    let _: () = server.query(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    for _ in 0..10 {
        assert_eq!(repo.find(1).await, 1);
    }
    support::eventually("the loss is counted", Duration::from_secs(5), || {
        cache.stats().error > 0
    });
    assert_eq!(
        cache.stats().hit,
        10,
        "reads go on while writes are refused"
    );
    let _: () = server.query(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    repo.find(2).await;
    assert_eq!(cache.stats().write, 2);
    check_pairs(&server);
}

/// The touches' script is new to the server each time, and its interval ends about when the put comes.
#[tokio::test]
async fn a_put_never_overtakes_the_hits_before_it() {
    let server = Server::start();
    let builder = Cache::builder(unique("order"))
        .redis(server.url())
        .deadline(PATIENT)
        .maxsize(2)
        .policy(Policy::Lru);
    let cache = builder
        .touch(Touch::Behind(Duration::from_millis(1)))
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    let other = Cache::builder(unique("other"))
        .redis(server.url())
        .deadline(PATIENT)
        .policy(Policy::Lru)
        .build()
        .unwrap();
    for round in 0..400 {
        cache.purge().await.unwrap();
        repo.find(1).await;
        repo.find(2).await;
        let _: () = server.query(&["SCRIPT", "FLUSH"]);
        // The script of puts is known again, that of touches is not.
        Repo.cached(&other).find(round).await;
        repo.find(1).await;
        // Timers are too coarse to meet the moment in which the hits are on their way.
        std::thread::sleep(Duration::from_micros(800 + 4 * u64::from(round)));
        repo.find(3).await;
        assert_eq!(
            repo.entry().find(1).peek().await.unwrap(),
            Some(1),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn exact_touches_are_one_script_a_hit() {
    let server = Server::start();
    let (cache, repo) = build(&server, Touch::Exact);
    repo.find(1).await;
    let before = (calls(&server, "evalsha"), calls(&server, "hmget"));
    repo.find(1).await;
    repo.find(1).await;
    let after = (calls(&server, "evalsha"), calls(&server, "hmget"));
    assert_eq!(after, (before.0 + 2, before.1));
    assert_eq!(cache.stats().hit, 2);
}

struct Strict;

#[cache_impl(touch = "exact")]
impl Strict {
    async fn exact(&self, id: u32) -> u32 {
        id
    }

    #[cache(touch = "behind")]
    async fn behind(&self, id: u32) -> u32 {
        id
    }
}

#[tokio::test]
async fn blocks_and_methods_choose_how_hits_are_recorded() {
    let server = Server::start();
    let cache = Cache::builder(unique("choose"))
        .redis(server.url())
        .deadline(PATIENT)
        .build()
        .unwrap();
    let repo = Strict.cached(&cache);
    repo.exact(1).await;
    repo.behind(1).await;
    let reads = calls(&server, "hmget");
    for _ in 0..2 {
        repo.exact(1).await;
        repo.behind(1).await;
    }
    // Each asks for the entry, and for the epoch.
    assert_eq!((cache.stats().hit, calls(&server, "hmget")), (4, reads + 4));
}

#[tokio::test]
async fn a_cancelled_caller_strands_no_other_call() {
    let server = Server::start();
    let (cache, repo) = build(&server, Touch::default());
    repo.find(1).await;
    server.stop();
    let gone: Vec<_> = (0..20)
        .map(|_| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.find(1).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let stays = {
        let repo = repo.clone();
        tokio::spawn(async move { repo.find(1).await })
    };
    tokio::task::yield_now().await;
    gone.iter().for_each(tokio::task::JoinHandle::abort);
    server.cont();
    assert_eq!(stays.await.unwrap(), 1);
    assert_eq!(repo.find(1).await, 1);
    assert!(cache.stats().hit >= 2);
}
