//! Wrappers that own their values: `&mut self` methods, each run by the value of its own caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use futures_util::{FutureExt as _, poll};
use redis_func_cache::{Cache, CacheMutExt as _, cache_impl};
use tokio::sync::Semaphore;

struct Shared {
    runs: AtomicU64,
    gate: Semaphore,
}

struct Repo {
    name: &'static str,
    runs: u64,
    shared: Arc<Shared>,
}

trait Lookup {
    async fn find(&mut self, id: u64) -> Result<String, ()>;
    async fn change(&mut self, id: u64) -> Result<(), ()>;
}

#[cache_impl(self_key = ())]
impl Lookup for Repo {
    #[cache]
    async fn find(&mut self, id: u64) -> Result<String, ()> {
        self.shared.runs.fetch_add(1, Ordering::SeqCst);
        self.runs += 1;
        self.shared.gate.acquire().await.unwrap().forget();
        Ok(format!("{id} by {}", self.name))
    }

    #[invalidates(find(id))]
    async fn change(&mut self, id: u64) -> Result<(), ()> {
        (id > 0).then_some(()).ok_or(())
    }
}

fn values(cache: &Cache) -> (CachedRepo, CachedRepo, Arc<Shared>) {
    let shared = Arc::new(Shared {
        runs: AtomicU64::new(0),
        gate: Semaphore::new(0),
    });
    let [one, other] = ["one", "other"].map(|name| {
        let shared = shared.clone();
        Repo {
            name,
            runs: 0,
            shared,
        }
        .cached_mut(cache)
    });
    (one, other, shared)
}

fn cache(name: &str) -> Cache {
    Cache::builder(name).memory().build().unwrap()
}

#[tokio::test]
async fn calls_of_two_values_share_one_execution() {
    let cache = cache("shared");
    let (mut one, mut other, shared) = values(&cache);
    let release = async {
        while cache.stats().count < 2 {
            tokio::task::yield_now().await;
        }
        shared.gate.add_permits(1);
    };
    let ((first, second), ()) = join(join(one.find(1), other.find(1)), release).await;
    assert_eq!(
        (first.as_deref(), second.as_deref()),
        (Ok("1 by one"), Ok("1 by one"))
    );
    assert_eq!(shared.runs.load(Ordering::SeqCst), 1);
    assert_eq!((cache.stats().exec, cache.stats().coalesced), (1, 1));
}

#[tokio::test]
async fn a_follower_of_a_cancelled_leader_runs_its_own_value() {
    let cache = cache("cancelled");
    let (mut one, mut other, shared) = values(&cache);
    {
        let mut leader = Box::pin(one.find(1));
        assert!(poll!(&mut leader).is_pending());
        let mut follower = Box::pin(other.find(1));
        for _ in 0..10 {
            assert!(poll!(&mut follower).is_pending());
            assert!(poll!(&mut leader).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(shared.runs.load(Ordering::SeqCst), 1);
        drop(leader);
        shared.gate.add_permits(1);
        assert_eq!(follower.await.as_deref(), Ok("1 by other"));
    }
    assert_eq!(shared.runs.load(Ordering::SeqCst), 2);
    assert_eq!(
        (CachedRepo::inner(&one).runs, CachedRepo::inner(&other).runs),
        (1, 1)
    );
    // The value that was lent to the dropped future works on.
    assert_eq!(
        one.find(1).now_or_never().unwrap().as_deref(),
        Ok("1 by other")
    );
    shared.gate.add_permits(1);
    assert_eq!(one.find(2).await.as_deref(), Ok("2 by one"));
}

#[tokio::test]
async fn a_writer_drops_entries_of_all_values_and_fences_computations() {
    let cache = cache("written");
    let (mut one, mut other, shared) = values(&cache);
    shared.gate.add_permits(1);
    assert_eq!(one.find(1).await.as_deref(), Ok("1 by one"));
    other.change(0).await.unwrap_err();
    assert_eq!(other.find(1).await.as_deref(), Ok("1 by one"));
    other.change(1).await.unwrap();
    assert_eq!(one.entry().find(1).peek().await.unwrap(), None);

    let mut computing = Box::pin(one.find(1));
    for _ in 0..10 {
        assert!(poll!(&mut computing).is_pending());
        tokio::task::yield_now().await;
    }
    other.change(1).await.unwrap();
    shared.gate.add_permits(1);
    assert_eq!(computing.await.as_deref(), Ok("1 by one"));
    assert_eq!(
        other.entry().find(1).peek().await.unwrap(),
        None,
        "it was fenced off"
    );
}

#[tokio::test]
async fn many_values_run_one_execution_for_each_key() {
    let cache = cache("many");
    let shared = values(&cache).2;
    shared.gate.add_permits(1000);
    let mut values: Vec<_> = (0..50)
        .map(|_| {
            let shared = shared.clone();
            Repo {
                name: "one",
                runs: 0,
                shared,
            }
            .cached_mut(&cache)
        })
        .collect();
    let calls = values
        .iter_mut()
        .zip(0_u64..)
        .map(|(value, at)| value.find(at % 5));
    let answers = join_all(calls).await;
    assert!(
        answers
            .iter()
            .zip(0..)
            .all(|(answer, at)| { answer.as_deref() == Ok(format!("{} by one", at % 5).as_str()) })
    );
    assert_eq!(shared.runs.load(Ordering::SeqCst), 5);
}
