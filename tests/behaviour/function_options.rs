//! The options of functions: what each does, and what `build` refuses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{
    Cache, CacheBuilder, CachedFunction, Codec, CodecError, CustomPolicy, ErrorKind,
    FunctionBuilder, Policy, Stampede, Touch, ValueCodec, erased_serde,
};
use support::log::Log;
use support::{PATIENT, Server, binaries, check_pairs, unique};
use tracing::Level;

/// One body for every store; what the server holds is looked at where there is one.
async fn everywhere<F: Future<Output = ()>>(
    settings: impl Fn(CacheBuilder) -> CacheBuilder,
    test: impl Fn(Cache, Option<std::rc::Rc<Server>>) -> F,
) {
    let cache = settings(Cache::builder(unique("functions")));
    test(cache.build().unwrap(), None).await;
    for binary in binaries() {
        let server = std::rc::Rc::new(Server::start_on(&binary));
        let cache = settings(Cache::builder(unique("functions")).redis(server.url()));
        let cache = cache.deadline(PATIENT).build().unwrap();
        test(cache, Some(server.clone())).await;
        check_pairs(&server);
    }
}

async fn ttl(f: &CachedFunction) -> Duration {
    f.entry::<u64>(&1).put(&1).await.unwrap();
    f.entry::<u64>(&1).ttl().await.unwrap().unwrap()
}

#[tokio::test]
async fn ttl_and_its_jitter_go_before_those_of_the_cache() {
    let minute = Duration::from_secs(60);
    everywhere(
        |cache| {
            cache
                .ttl(minute)
                .structure_ttl(redis_func_cache::StructureTtl::Never)
        },
        |cache, _| async move {
            let build = |name: &str, options: fn(FunctionBuilder) -> FunctionBuilder| {
                options(cache.function(name)).build().unwrap()
            };
            let of_cache = ttl(&build("of_cache", |f| f)).await;
            assert!(of_cache <= minute && of_cache > minute / 2, "{of_cache:?}");
            let own = ttl(&build("own", |f| f.ttl(Duration::from_secs(600)))).await;
            assert!(own > minute, "{own:?}");
            let without = ttl(&build("without", FunctionBuilder::without_ttl)).await;
            assert_eq!(without, Duration::MAX);
            let last_wins = build("last", |f| f.without_ttl().ttl(Duration::from_secs(600)));
            assert!(ttl(&last_wins).await > minute);
            let jittered = build("jittered", |f| {
                f.ttl(Duration::from_secs(600)).ttl_jitter(0.5)
            });
            let mut lives = Vec::new();
            for _ in 0..20 {
                lives.push(ttl(&jittered).await);
            }
            let bounds = Duration::from_secs(295)..=Duration::from_secs(600);
            assert!(lives.iter().all(|life| bounds.contains(life)), "{lives:?}");
            let [least, most] = [lives.iter().min(), lives.iter().max()].map(Option::unwrap);
            assert!(*most > *least + Duration::from_secs(30), "{lives:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn an_entry_is_no_answer_after_its_ttl() {
    everywhere(
        |cache| cache,
        |cache, _| async move {
            let f = cache.function("f").ttl(Duration::from_millis(20));
            let (f, runs) = (f.build().unwrap(), AtomicU64::new(0));
            let run = || runs.fetch_add(1, Ordering::SeqCst);
            assert_eq!(f.get_with_sync(&1, run), 0);
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!(f.get_with_sync(&1, run), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn a_maxsize_makes_a_pair_and_single_prevents_it() {
    everywhere(
        |cache| cache,
        |cache, server| async move {
            let few = cache.function("few").maxsize(3).build().unwrap();
            let rest = cache.function("rest").build().unwrap();
            for n in 0..10u64 {
                few.get_with_sync(&n, || n);
                rest.get_with_sync(&n, || n);
            }
            assert_eq!(cache.len().await.unwrap(), 13);
            let own = cache.function("own").multiple().build().unwrap();
            own.get_with_sync(&1, || 1u64);
            let shared = cache
                .function("shared")
                .single()
                .maxsize(5)
                .build()
                .unwrap();
            shared.get_with_sync(&1, || 1u64);
            let clustered = cache.function("clustered").cluster().build().unwrap();
            clustered.get_with_sync(&1, || 1u64);
            assert_eq!(cache.len().await.unwrap(), 16);
            let Some(server) = server else { return };
            let values = server.keys().into_iter().filter(|key| key.ends_with(":1"));
            let mut stems: Vec<_> = values
                .map(|key| key.split_once(cache.name()).unwrap().1.to_owned())
                .map(|stem| stem.split('#').next().unwrap().to_owned())
                .collect();
            stems.sort();
            assert_eq!(stems, [":lru_t:1", ":lru_t:few", ":lru_t:own", ":lru_t}:1"]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_policy_of_its_own_decides_what_is_evicted() {
    everywhere(
        |cache| cache.policy(Policy::Fifo),
        |cache, _| async move {
            let f = cache.function("f").policy(Policy::Lru).maxsize(2);
            let f = f.touch(Touch::Exact).build().unwrap();
            for n in [1, 2, 1, 3] {
                f.get_with_sync(&n, || n);
            }
            assert_eq!(f.entry::<i32>(&1).peek().await.unwrap(), Some(1));
            assert_eq!(f.entry::<i32>(&2).peek().await.unwrap(), None);
        },
    )
    .await;
}

/// Writes every value as nothing, and refuses to read.
struct Void;

impl ValueCodec for Void {
    fn encode(&self, _: &dyn erased_serde::Serialize, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }

    fn decode(
        &self,
        _: &[u8],
        _: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        Err("void".into())
    }
}

#[tokio::test]
async fn a_codec_of_its_own_writes_and_reads_the_values() {
    everywhere(
        |cache| cache,
        |cache, _| async move {
            let void = || Codec::custom(200, Void).unwrap();
            let f = cache.function("f").codec(void()).build().unwrap();
            let same = cache.function("f").codec(void()).build().unwrap();
            f.get_with_sync(&1, || 1u64);
            assert_eq!(same.get_with_sync(&1, || 2u64), 2);
            assert_eq!(cache.stats().undecodable, 1);
        },
    )
    .await;
}

#[tokio::test]
async fn without_protection_from_stampedes_every_call_that_misses_runs() {
    everywhere(
        |cache| cache,
        |cache, _| async move {
            let runs = AtomicU64::new(0);
            let f = cache.function("f").stampede(Stampede::Off).build().unwrap();
            let run = || async {
                runs.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            tokio::join!(f.get_with(&1, run), f.get_with(&1, run));
            assert_eq!(runs.load(Ordering::SeqCst), 2);
        },
    )
    .await;
}

#[tokio::test]
async fn another_version_reads_no_entry_and_has_the_same_invalidation() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("functions");
        // One cache has one version; a rolling deploy has two.
        let [first, second] = ["1", "2"].map(|version| {
            let cache = Cache::builder(&name).redis(server.url()).deadline(PATIENT);
            let cache = cache.build().unwrap();
            cache.function("f").version(version).build().unwrap()
        });
        assert_eq!(first.get_with_sync(&1, || 1u64), 1);
        assert_eq!(second.get_with_sync(&1, || 2u64), 2);
        assert_eq!(first.entry::<u64>(&1).peek().await.unwrap(), Some(1));
        second.all().invalidate().await.unwrap();
        assert_eq!(first.entry::<u64>(&1).peek().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_name_with_a_meaning_to_redis_is_a_name_like_any_other() {
    everywhere(CacheBuilder::multiple, |cache, _| async move {
        let names = [
            "a:b",
            "a::b",
            ":",
            "{a}",
            "a#b",
            "a b",
            "*",
            "ä\n",
            "a:lru_t:1",
        ];
        for name in names {
            cache
                .function(name)
                .build()
                .unwrap()
                .get_with_sync(&1, || 1u64);
        }
        assert_eq!(cache.len().await.unwrap(), 9);
        let f = cache.function("*").build().unwrap();
        f.all().invalidate().await.unwrap();
        assert_eq!(cache.len().await.unwrap(), 8);
        assert_eq!(cache.purge().await.unwrap(), 8);
        assert_eq!(cache.len().await.unwrap(), 0);
        assert_eq!(cache.method_stats()["a:b"].write, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_out_of_bounds_is_an_error_that_names_the_remedy() {
    let own = CustomPolicy::new("own").build().unwrap();
    everywhere(
        |cache| cache,
        |cache, server| {
            let own = own.clone();
            async move {
                let year = Duration::from_secs(365 * 86_400);
                let f = || cache.function("f");
                for (function, part) in [
                    (cache.function(""), "must have 1 to 256"),
                    (cache.function("f".repeat(257)), "has 257 bytes"),
                    (f().ttl(Duration::ZERO), "`ttl` is 0ns"),
                    (f().ttl(101 * year), "longer than 100 years"),
                    (f().ttl_jitter(0.6), "`ttl_jitter` is 0.6"),
                    (f().ttl_jitter(f64::NAN), "from 0 to 0.5"),
                    (f().maxsize(0), "`maxsize` is 0"),
                    (f().stale(Duration::ZERO), "to serve no stale values"),
                    (f().soft_timeout(year), "add `stale`"),
                    (f().stale(year), "the builder one"),
                    (f().early(0.9), "the builder one"),
                    (f().early_xfetch(), "the builder one"),
                    (f().early(1.0).ttl(year), "between 0 and 1"),
                    (f().early(f64::NAN).ttl(year), "`early` is NaN"),
                    (f().touch(Touch::Behind(Duration::ZERO)), "`Touch::Exact`"),
                ] {
                    let error = function.build().unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Config);
                    assert!(error.to_string().contains(part), "{error}");
                }
                let policy = f().policy(own).build();
                if server.is_none() {
                    let error = policy.unwrap_err().to_string();
                    assert!(error.contains("`CustomPolicy::in_memory("), "{error}");
                }
                // What was refused has not taken the name.
                let name = if server.is_none() { "f" } else { "g" };
                cache.function(name).ttl(year).build().unwrap();
            }
        },
    )
    .await;
}

#[test]
fn one_name_has_one_set_of_options() {
    let cache = Cache::builder(unique("functions")).build().unwrap();
    let second = Duration::from_secs(1);
    let build = || cache.function("f").ttl(second).build();
    build().unwrap().get_with_sync(&1, || 1u64);
    build().unwrap().get_with_sync(&1, || 2u64);
    let stats = cache.method_stats();
    assert_eq!((stats.len(), stats["f"].hit), (1, 1), "they are one");
    let f = || cache.function("f").ttl(second);
    for (function, named) in [
        (cache.function("f"), "another `ttl`;"),
        (f().version("2"), "another `version`;"),
        (f().policy(Policy::Rr), "another `policy`;"),
        (f().single(), "another `layout`;"),
        (f().multiple(), "another `layout`;"),
        (f().cluster(), "another `cluster`;"),
        (f().maxsize(7), "another `maxsize`;"),
        (f().ttl_jitter(0.1), "another `ttl_jitter`;"),
        (f().stale(second), "another `stale`;"),
        (f().early(0.9), "another `early`;"),
        (f().early_xfetch(), "another `early`;"),
        (f().stampede(Stampede::Local), "another `stampede`;"),
        (f().codec(Codec::Cbor), "another `codec`;"),
        (f().touch(Touch::Exact), "another `touch`;"),
        (f().maxsize(7).version("2"), "another `maxsize`, `version`;"),
        (
            f().stale(second).soft_timeout(second),
            "another `stale`, `soft_timeout`;",
        ),
    ] {
        let error = function.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = error.to_string();
        assert!(error.contains("the function `f`"), "{error}");
        assert!(error.contains(named), "{error}");
    }
    let other = Cache::builder(unique("functions")).build().unwrap();
    other.function("f").version("2").build().unwrap();
}

#[test]
fn a_thousand_names_are_the_most_and_that_is_logged_once() {
    let log = Log::start();
    let cache = Cache::builder(unique("functions")).build().unwrap();
    for n in 0..1000 {
        cache.function(format!("f{n}")).build().unwrap();
    }
    for id in ["canary1", "canary2"] {
        let error = cache.function(id).build().unwrap_err().to_string();
        assert!(
            error.contains("1000 functions") && error.contains("into the key"),
            "{error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
    let warned = log.said(Level::WARN, "names of functions");
    assert_eq!(warned.len(), 1);
    assert!(!format!("{:?}", log.events()).contains("canary"));
    cache.function("f7").build().unwrap();
    let other = Cache::builder(unique("functions")).build().unwrap();
    other.function("canary1").build().unwrap();
}
