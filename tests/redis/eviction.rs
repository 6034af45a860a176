//! Bounds, victims and repair, on every server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, CustomPolicy, Policy, StructureTtl, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, eventually, unique};

#[derive(Default)]
struct Numbers {
    runs: AtomicU64,
}

#[cache_impl]
impl Numbers {
    async fn get(&self, n: u32) -> u32 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        n
    }

    #[cache(maxsize = 10)]
    async fn few(&self, n: u32) -> u32 {
        n
    }
}

fn repo(server: &Server, name: &str, policy: Policy, maxsize: u64) -> (Cache, CachedNumbers) {
    let cache = Cache::builder(name)
        .redis(server.url())
        .deadline(PATIENT)
        .policy(policy)
        .maxsize(maxsize)
        .build()
        .unwrap();
    let repo = Numbers::default().cached(&cache);
    (cache, repo)
}

async fn held(repo: &CachedNumbers, numbers: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut held = Vec::new();
    for n in numbers {
        if repo.entry().get(n).peek().await.unwrap().is_some() {
            held.push(n);
        }
    }
    held
}

#[tokio::test]
async fn each_policy_keeps_what_it_should() {
    // Puts 1 2 3, hits 1 twice and 2 once, puts 4: capacity three.
    let kept = [
        (Policy::Fifo, vec![2, 3, 4]),
        (Policy::FifoT, vec![2, 3, 4]),
        (Policy::Lru, vec![1, 2, 4]),
        (Policy::LruT, vec![1, 2, 4]),
        (Policy::Mru, vec![1, 3, 4]),
        (Policy::Lfu, vec![1, 2, 4]),
    ];
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for (policy, expected) in &kept {
            let (_cache, repo) = repo(&server, &unique("keeps"), policy.clone(), 3);
            for n in [1, 2, 3, 1, 1, 2, 4] {
                repo.get(n).await;
            }
            assert_eq!(&held(&repo, 1..5).await, expected, "{policy} on {binary}");
        }
        check_pairs(&server);
    }
}

#[tokio::test]
async fn overwriting_refreshes_recency_for_lru_only() {
    for (policy, expected) in [
        (Policy::Lru, vec![1, 3, 4]),
        (Policy::LruT, vec![1, 3, 4]),
        (Policy::Mru, vec![2, 3, 4]),
        (Policy::Fifo, vec![2, 3, 4]),
        (Policy::FifoT, vec![2, 3, 4]),
    ] {
        let server = Server::start();
        let (cache, repo) = repo(&server, &unique("overwrite"), policy.clone(), 3);
        for n in [1, 2, 3] {
            repo.get(n).await;
        }
        cache.write_only(repo.get(1)).await;
        repo.get(4).await;
        assert_eq!(held(&repo, 1..5).await, expected, "{policy}");
    }
}

#[tokio::test]
async fn a_pair_shrinks_from_100_000_to_10_in_one_put() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, repo) = repo(&server, &unique("shrink"), Policy::Lru, 200_000);
        repo.few(0).await;
        let [ranking, values] = pair_of(&server);
        let fill = "for i = 1, 100000 do \
                    redis.call('ZADD', KEYS[1], i, 'field' .. i) redis.call('HSET', KEYS[2], 'field' .. i, i) end";
        let _: () = server.query(&["EVAL", fill, "2", &ranking, &values]);
        assert_eq!(cache.len().await.unwrap(), 100_001);

        // A long script: the deadline of a call may pass, but the put is whole.
        repo.few(1).await;
        support::eventually("the pair shrinks", Duration::from_secs(10), || {
            server.query::<u64>(&["ZCARD", &ranking]) == 10
        });
        assert_eq!(server.query::<u64>(&["HLEN", &values]), 10, "{binary}");
        check_pairs(&server);
    }
}

fn pair_of(server: &Server) -> [String; 2] {
    let keys = server.keys().into_iter();
    let keys: Vec<_> = keys.filter(|key| !key.ends_with(":2")).collect();
    keys.try_into()
        .unwrap_or_else(|keys| panic!("one pair, not {keys:?}"))
}

#[tokio::test]
async fn the_bound_holds_and_the_pair_heals_after_either_half_is_lost() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for policy in Policy::BUILT_IN {
            for lost in 0..2 {
                let (cache, repo) = repo(&server, &unique("half"), policy.clone(), 5);
                for n in 0..5 {
                    repo.get(n).await;
                }
                let lost = &pair_of(&server)[lost];
                let _: () = server.query(&["DEL", lost]);
                for n in 0..20 {
                    assert_eq!(repo.get(n % 7).await, n % 7);
                    assert!(cache.len().await.unwrap() <= 5);
                }
                check_pairs(&server);
                assert_eq!(cache.purge().await.unwrap(), 5, "{policy} without {lost}");
                assert_eq!(server.keys(), Vec::<String>::new());
            }
        }
    }
}

#[tokio::test]
async fn lost_members_and_values_are_repaired() {
    let server = Server::start();
    let (cache, repo) = repo(&server, &unique("torn"), Policy::LruT, 100);
    for n in 0..20 {
        repo.get(n).await;
    }
    let [ranking, values] = pair_of(&server);
    let _: () = server.query(&["ZREMRANGEBYRANK", &ranking, "0", "4"]);
    let some: Vec<String> = {
        let script = "return redis.call('ZRANGE', KEYS[1], 0, 0)";
        let fields: Vec<Vec<u8>> = server.query(&["EVAL", script, "1", &ranking]);
        fields
            .iter()
            .map(|field| field.iter().map(|byte| format!("\\{byte:03}")).collect())
            .collect()
    };
    let _: () = server.query(&[
        "EVAL",
        &format!("redis.call('HDEL', KEYS[1], '{}')", some[0]),
        "1",
        &values,
    ]);
    // Every call of a number that lost a half repairs it; orphans go by the way.
    for round in 0..3 {
        for n in 0..20 {
            assert_eq!(cache.write_only(repo.get(n)).await, n, "round {round}");
        }
    }
    check_pairs(&server);
    assert_eq!(cache.len().await.unwrap(), 20);
}

/// Chi-squared over which of ten entries a put evicts: 27.9 is passed once in a thousand by chance.
#[tokio::test]
async fn rr_chooses_uniformly() {
    let server = Server::start();
    for memory in [false, true] {
        let mut evicted = BTreeMap::<u32, u32>::new();
        let builder = Cache::builder(unique("rr")).policy(Policy::Rr).maxsize(10);
        let builder = if memory {
            builder.memory()
        } else {
            builder.redis(server.url()).deadline(PATIENT)
        };
        let cache = builder.build().unwrap();
        let repo = Numbers::default().cached(&cache);
        let rounds = 600;
        for _ in 0..rounds {
            cache.purge().await.unwrap();
            for n in 0..11 {
                repo.get(n).await;
            }
            let kept = held(&repo, 0..11).await;
            assert_eq!(kept.len(), 10);
            let gone = (0..11).find(|n| !kept.contains(n)).unwrap();
            assert_ne!(gone, 10, "the newest is not a candidate");
            *evicted.entry(gone).or_default() += 1;
        }
        let expected = f64::from(rounds) / 10.0;
        let chi: f64 = (0..10)
            .map(|n| f64::from(evicted.get(&n).copied().unwrap_or_default()) - expected)
            .map(|difference| difference * difference / expected)
            .sum();
        assert!(
            chi < 35.0,
            "chi squared {chi} of {evicted:?}, memory: {memory}"
        );
    }
}

#[tokio::test]
async fn a_custom_policy_decides_evictions() {
    let keep_newest_hits = CustomPolicy::new("warm")
        .admit("redis.call('ZADD', RANKING, above_all(), field)")
        .hit("redis.call('ZADD', RANKING, 'XX', 'INCR', 100, field)")
        .victims("return pop('ZPOPMIN', n)")
        .build()
        .unwrap();
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, repo) = repo(&server, &unique("own"), keep_newest_hits.clone(), 3);
        for n in [1, 2, 3, 1, 4, 5] {
            repo.get(n).await;
        }
        assert!(held(&repo, 1..6).await.contains(&1));
        assert!(server.keys()[0].contains(":warm:"), "{:?}", server.keys());
        assert_eq!(cache.stats().evicted, 2);
        assert_eq!(cache.purge().await.unwrap(), 3);
        check_pairs(&server);
    }
}

#[tokio::test]
async fn broken_custom_lua_is_counted_and_the_method_runs() {
    let broken = CustomPolicy::new("broken")
        .admit("redis.call('NOSUCH')")
        .build()
        .unwrap();
    let server = Server::start();
    let (cache, repo) = repo(&server, &unique("broken"), broken, 3);
    assert_eq!(repo.get(1).await, 1);
    assert_eq!(repo.get(1).await, 1);
    assert_eq!((cache.stats().error, cache.stats().exec), (2, 2));
    // The lease is given back behind the call.
    // But for the state of the method.
    eventually("nothing is left", Duration::from_secs(5), || {
        let mut keys = server.keys().into_iter();
        server.leases() == 0 && keys.all(|key| key.ends_with(":2"))
    });
}

#[tokio::test]
async fn concurrent_puts_never_pass_the_bound() {
    let server = Server::start();
    let (cache, repo) = repo(&server, &unique("race"), Policy::LruT, 7);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let repo = repo.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    assert_eq!(repo.get(task * 50 + n).await, task * 50 + n);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(cache.len().await.unwrap(), 7);
    check_pairs(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_script_cache_and_a_restart_are_survived() {
    let server = Server::start();
    let cache = Cache::builder(unique("flush"))
        .redis(server.url())
        .deadline(PATIENT)
        .structure_ttl(StructureTtl::Never)
        .deadline(Duration::from_secs(2))
        .build()
        .unwrap();
    let repo = Numbers::default().cached(&cache);
    repo.get(1).await;
    let _: () = server.query(&["SCRIPT", "FLUSH"]);
    repo.get(1).await;
    repo.get(2).await;
    assert_eq!((cache.stats().hit, cache.stats().error), (1, 0));
    server.restart();
    eventually("hits again", Duration::from_secs(10), || {
        let before = cache.stats().hit;
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(repo.get(3)));
        cache.stats().hit > before
    });
    check_pairs(&server);
}
