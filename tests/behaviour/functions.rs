//! Functions without a macro: a name, and a closure at each call. What they share with every other entry point is in
//! `contract` and its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CachedFunction, Error, ErrorKind, Mode};
use serde::{Deserialize, Serialize, Serializer};
use support::{PATIENT, Server, binaries, check_pairs, unique};

/// One body for every store: caches of one name, as two processes have them; the memory store has no
/// other process.
async fn everywhere<F: Future<Output = ()>>(test: impl Fn([Cache; 2]) -> F) {
    let cache = Cache::builder(unique("functions")).build().unwrap();
    test([cache.clone(), cache]).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("functions");
        let build = || {
            let cache = Cache::builder(&name).redis(server.url());
            cache.deadline(PATIENT).build().unwrap()
        };
        test([build(), build()]).await;
        check_pairs(&server);
    }
}

fn function(cache: &Cache) -> CachedFunction {
    cache.function("f").build().unwrap()
}

/// What a closure reads, and how often it has run.
#[derive(Default)]
struct Source {
    row: AtomicU64,
    runs: AtomicU64,
}

impl Source {
    fn read(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.row.load(Ordering::SeqCst)
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Page(String);

#[tokio::test]
async fn the_face_is_the_one_that_is_promised() -> Result<(), Box<dyn std::error::Error>> {
    async fn load(tenant: u64, n: u64) -> Result<Page, Error> {
        Ok(Page(format!("{tenant}/{n}")))
    }
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let cache = Cache::builder(unique("functions")).build()?;
    let pages: CachedFunction = cache
        .function("pages")
        .ttl(Duration::from_secs(300))
        .version("2")
        .build()?;
    let (tenant, n) = (7, 1);
    let page: Page = pages.try_get_with(&(tenant, n), || load(tenant, n)).await?;
    assert_eq!(page, Page("7/1".to_owned()));
    let page: Page = pages.get_with_sync(&(tenant, n), || unreachable!("it is a hit"));
    assert_eq!(page, Page("7/1".to_owned()));
    pages.entry::<Page>(&(tenant, n)).invalidate().await?;
    pages.all().invalidate().await?;
    shared(&pages);
    Ok(())
}

#[tokio::test]
async fn all_four_ways_to_call_share_one_entry() {
    everywhere(|[cache, _]| async move {
        let (f, source) = (function(&cache), Source::default());
        let key = &("a", 1);
        let tried = f.try_get_with(key, || async { Ok::<_, ()>(source.read()) });
        assert_eq!(tried.await, Ok(0));
        assert_eq!(f.get_with(key, || async { source.read() }).await, 0);
        assert_eq!(f.get_with_sync(key, || source.read()), 0);
        let tried = f.try_get_with_sync(key, || Ok::<_, ()>(source.read()));
        assert_eq!((tried, source.runs()), (Ok(0), 1));
        let stats = cache.method_stats()["f"];
        let counted = (stats.count, stats.hit, stats.miss, stats.exec, stats.write);
        assert_eq!(counted, (4, 3, 1, 1, 1));
        assert_eq!(cache.stats().hit, 3);
    })
    .await;
}

#[tokio::test]
async fn an_error_is_returned_and_not_stored_and_every_other_value_is() {
    everywhere(|[cache, _]| async move {
        let (f, source) = (function(&cache), Source::default());
        for _ in 0..2 {
            let failed = f.try_get_with("e", || async { Err::<u64, _>(source.read()) });
            assert_eq!(failed.await, Err(0));
            let failed = f.try_get_with_sync("s", || Err::<u64, _>(source.read()));
            assert_eq!(failed, Err(0));
        }
        assert_eq!(source.runs(), 4, "an error was stored");
        let none = || async {
            source.read();
            None::<u64>
        };
        assert_eq!(f.get_with("n", none).await, None);
        assert_eq!(f.get_with("n", none).await, None);
        assert_eq!(source.runs(), 5, "`None` is a value");
        let refused = || async { Err::<u64, u64>(source.read()) };
        assert_eq!(f.get_with("r", refused).await, Err(0));
        assert_eq!(f.get_with("r", refused).await, Err(0));
        assert_eq!(source.runs(), 6, "`get_with` stores any value");
    })
    .await;
}

#[tokio::test]
async fn an_error_need_not_be_send_where_the_call_is() {
    everywhere(|[cache, _]| async move {
        let f = function(&cache);
        let call = tokio::spawn(async move {
            let run = || async {
                "no number"
                    .parse::<u64>()
                    .map_err(Box::<dyn std::error::Error>::from)
            };
            f.try_get_with(&1, run).await.is_err()
        });
        assert!(call.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_written_alike_are_one_and_all_others_are_not() {
    #[derive(Serialize)]
    struct Of {
        tenant: u8,
        n: u8,
    }
    everywhere(|[cache, _]| async move {
        let (f, source) = (function(&cache), Source::default());
        let read = || source.read();
        f.get_with_sync(&(1u8, 2u8), read);
        f.get_with_sync(&Of { tenant: 1, n: 2 }, read);
        f.get_with_sync(&(2u8, 1u8), read);
        f.get_with_sync(&(1u16, 2u8), read);
        f.get_with_sync(&[1u8, 2u8][..], read);
        f.get_with_sync("12", read);
        f.get_with_sync(&(), read);
        f.get_with_sync(&None::<u8>, read);
        assert_eq!(source.runs(), 8);
        f.get_with_sync(&"12".to_owned(), read);
        f.get_with_sync(&(&1u8, 2u8), read);
        assert_eq!(source.runs(), 8, "a reference is written as its value");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_key_only_runs_its_closure() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("canary"))
        }
    }
    everywhere(|[cache, _]| async move {
        let (f, source) = (function(&cache), Source::default());
        for _ in 0..2 {
            assert_eq!(f.get_with(&Broken, || async { source.read() }).await, 0);
        }
        let stats = cache.method_stats()["f"];
        assert_eq!((source.runs(), stats.bypass, stats.read), (2, 2, 0));
        let error = f.entry::<u64>(&Broken).peek().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        assert!(!error.to_string().contains("canary"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn another_type_of_one_name_and_key_is_another_entry() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Cents(u64);
    everywhere(|[cache, _]| async move {
        let f = function(&cache);
        assert_eq!(f.get_with_sync(&1, || 95u64), 95);
        assert_eq!(f.get_with_sync(&1, || Cents(7)), Cents(7));
        assert_eq!(f.get_with_sync(&1, || 8u32), 8);
        assert_eq!(f.entry::<u64>(&1).peek().await.unwrap(), Some(95));
        assert_eq!(f.entry_sync::<Cents>(&1).peek().unwrap(), Some(Cents(7)));
        assert_eq!(f.entry::<Page>(&1).peek().await.unwrap(), None);
        assert_eq!(cache.stats().undecodable, 0);
    })
    .await;
}

#[tokio::test]
async fn a_handle_does_what_that_of_a_method_does() {
    everywhere(|[cache, other]| async move {
        let (f, others) = (function(&cache), function(&other));
        let entry = f.entry::<u64>(&1);
        assert_eq!(entry.peek().await.unwrap(), None);
        assert_eq!(entry.ttl().await.unwrap(), None);
        entry.put(&5).await.unwrap();
        assert_eq!(others.get_with_sync(&1, || 0u64), 5);
        assert!(entry.ttl().await.unwrap().is_some());
        assert!(others.entry_sync::<u64>(&1).invalidate().unwrap());
        assert!(!entry.invalidate().await.unwrap());
        assert_eq!(f.entry(&1).refresh(|| async { 6u64 }).await, 6);
        let failed = f.entry::<u64>(&1).try_refresh(|| async { Err(()) });
        assert_eq!(failed.await, Err(()));
        assert_eq!(entry.peek().await.unwrap(), Some(6));
        let entry = || f.entry_sync::<u64>(&1);
        assert_eq!(entry().try_refresh(|| Ok::<_, ()>(7)), Ok(7));
        assert_eq!(entry().peek().unwrap(), Some(7));
        assert_eq!(entry().refresh(|| 8), 8);
        entry().put(&9).unwrap();
        assert_eq!(others.get_with_sync(&1, || 0u64), 9);
    })
    .await;
}

#[tokio::test]
async fn all_reaches_every_key_type_and_version() {
    everywhere(|[cache, other]| async move {
        let first = cache.function("f").version("1").build().unwrap();
        let second = other.function("f").version("1").build().unwrap();
        for n in 0..20 {
            first.get_with_sync(&n, || 1u64);
            second.get_with_sync(&n, || Page(String::new()));
        }
        second.all().invalidate().await.unwrap();
        for n in 0..20 {
            assert_eq!(first.entry::<u64>(&n).peek().await.unwrap(), None);
            assert_eq!(first.entry::<Page>(&n).peek().await.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test]
async fn modes_apply_to_functions_where_they_are_polled() {
    everywhere(|[cache, _]| async move {
        let (f, source) = (function(&cache), Source::default());
        let read = || async { source.read() };
        cache.disable_rw(f.get_with(&1, read)).await;
        cache.read_only(f.get_with(&1, read)).await;
        assert_eq!(f.entry::<u64>(&1).peek().await.unwrap(), None);
        cache.write_only(f.get_with(&1, read)).await;
        assert_eq!(f.entry::<u64>(&1).peek().await.unwrap(), Some(0));
        cache.with_mode(Mode::default(), f.get_with(&1, read)).await;
        assert_eq!(source.runs(), 3);
        let (_, stats) = cache.with_stats(f.get_with(&1, read)).await;
        assert_eq!((stats.count, stats.hit), (1, 1));
    })
    .await;
}

#[test]
fn threads_without_a_runtime_and_many_runtimes_share_a_function() {
    let server = Server::start();
    let cache = Cache::builder(unique("functions")).redis(server.url());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let (f, source) = (function(&cache), Arc::new(Source::default()));
    let threads = (0..8u64).map(|n| {
        let (f, source) = (f.clone(), source.clone());
        std::thread::spawn(move || {
            if n % 2 == 0 {
                return f.get_with_sync("k", || source.read());
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(f.get_with("k", || async { source.read() }))
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        assert_eq!(thread.join().unwrap(), 0);
    }
    assert_eq!(source.runs(), 1);
    check_pairs(&server);
}

#[tokio::test]
async fn a_function_of_two_caches_is_two() {
    let server = Server::start();
    let caches = [(); 2].map(|()| {
        let cache = Cache::builder(unique("functions")).redis(server.url());
        cache.deadline(PATIENT).build().unwrap()
    });
    for (n, cache) in (0u64..).zip(&caches) {
        assert_eq!(function(cache).get_with_sync("k", || n), n);
    }
    function(&caches[0]).all().invalidate().await.unwrap();
    let left = function(&caches[1]).entry::<u64>("k").peek().await;
    assert_eq!(left.unwrap(), Some(1));
}
