//! Modes and statistics hold for their task or thread, and never leak into another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, Mode, cache_impl};
use tokio::sync::Barrier;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        id
    }

    fn find_sync(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }
}

fn runs(repo: &CachedRepo) -> u64 {
    CachedRepo::inner(repo).runs.load(Ordering::SeqCst)
}

fn fresh() -> (Cache, CachedRepo) {
    let cache = Cache::builder("scopes").build().unwrap();
    let repo = Repo::default().cached(&cache);
    (cache, repo)
}

#[tokio::test]
async fn tasks_on_one_thread_do_not_share_modes() {
    let (cache, repo) = fresh();
    repo.find(1).await;
    let barrier = Arc::new(Barrier::new(2));
    let off = {
        let (cache, repo, barrier) = (cache.clone(), repo.clone(), barrier.clone());
        tokio::spawn(async move {
            let inside = async {
                for _ in 0..20 {
                    barrier.wait().await;
                    repo.find(1).await;
                }
            };
            cache.disable_rw(inside).await;
        })
    };
    let on = {
        let (repo, barrier) = (repo.clone(), barrier.clone());
        tokio::spawn(async move {
            for _ in 0..20 {
                barrier.wait().await;
                repo.find(1).await;
            }
        })
    };
    off.await.unwrap();
    on.await.unwrap();
    assert_eq!(runs(&repo), 21);
    assert_eq!((cache.stats().hit, cache.stats().bypass), (20, 20));
}

#[test]
fn threads_do_not_share_modes() {
    let (cache, repo) = fresh();
    repo.find_sync(1);
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            cache.disable_rw_sync(|| {
                barrier.wait();
                repo.find_sync(1);
                barrier.wait();
            });
            repo.find_sync(1);
        });
        threads.spawn(|| {
            barrier.wait();
            repo.find_sync(1);
            barrier.wait();
        });
    });
    assert_eq!(runs(&repo), 2);
}

#[tokio::test]
async fn the_innermost_scope_of_a_cache_wins() {
    let (cache, repo) = fresh();
    let (other, _) = fresh();
    repo.find(1).await;
    let nested = cache.disable_rw(async {
        let normal = cache.with_mode(Mode::default(), repo.find(1)).await;
        assert_eq!((normal, runs(&repo)), (1, 1));
        repo.find(1).await;
        assert_eq!(runs(&repo), 2);
        other.with_mode(Mode::default(), repo.find(1)).await;
        assert_eq!(runs(&repo), 3, "another cache's scope is not this one's");
    });
    nested.await;
    repo.find(1).await;
    assert_eq!(runs(&repo), 3);
}

#[tokio::test]
async fn a_scope_ends_with_its_future_also_when_it_is_dropped_or_panics() {
    let (cache, repo) = fresh();
    repo.find(1).await;
    {
        let mut pending = std::pin::pin!(cache.disable_rw(std::future::pending::<()>()));
        assert!(futures_util::poll!(pending.as_mut()).is_pending());
    }
    repo.find(1).await;
    assert_eq!(runs(&repo), 1);

    let panics = || cache.disable_rw_sync(|| -> u64 { panic!("on purpose") });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    repo.find(1).await;
    assert_eq!(runs(&repo), 1);
}

#[tokio::test]
async fn statistics_of_a_scope_are_of_that_scope() {
    let (cache, repo) = fresh();
    let outside = {
        let repo = repo.clone();
        tokio::spawn(async move {
            for id in 100..150 {
                repo.find(id).await;
            }
        })
    };
    let work = async {
        repo.find(1).await;
        let (_, inner) = cache.with_stats(repo.find(1)).await;
        assert_eq!((inner.count, inner.hit, inner.miss), (1, 1, 0));
        tokio::task::yield_now().await;
        repo.find(2).await
    };
    let (answer, stats) = cache.with_stats(work).await;
    outside.await.unwrap();
    assert_eq!(answer, 2);
    assert_eq!(
        (stats.count, stats.hit, stats.miss, stats.exec, stats.write),
        (3, 1, 2, 2, 2)
    );
    assert_eq!(cache.stats().count, 53);
    let ((), sync) = cache.with_stats_sync(|| {
        repo.find_sync(1);
    });
    assert_eq!((sync.count, sync.miss), (1, 1));
}

#[tokio::test]
async fn statistics_are_kept_for_each_method() {
    let (cache, repo) = fresh();
    repo.find(1).await;
    repo.find(1).await;
    repo.find_sync(1);
    let methods = cache.method_stats();
    assert_eq!(
        methods.keys().collect::<Vec<_>>(),
        [
            "behaviour::scopes::Repo::find",
            "behaviour::scopes::Repo::find_sync"
        ]
    );
    assert_eq!(
        (
            methods["behaviour::scopes::Repo::find"].hit,
            methods["behaviour::scopes::Repo::find_sync"].miss
        ),
        (1, 1)
    );
}
