//! What a batch returns that does not fit its ids, and very many ids.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::log::Log;
use tracing::Level;

use super::everywhere;

#[derive(Default)]
struct Odd {
    runs: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl Odd {
    fn ran(&self, ids: &[u64]) {
        self.runs.lock().unwrap().push(ids.to_vec());
    }
}

#[cache_impl(self_key = ())]
impl Odd {
    /// Leaves odd ids out, and so has the wrong length.
    #[cache(batch = ids)]
    async fn short(&self, ids: &[u64]) -> Vec<u64> {
        self.ran(ids);
        ids.iter().copied().filter(|id| id % 2 == 0).collect()
    }

    /// Also returns what was not asked for.
    #[cache(batch = ids)]
    async fn more(&self, ids: &[u64]) -> HashMap<u64, u64> {
        self.ran(ids);
        ids.iter()
            .flat_map(|id| [(*id, 1), (id + 100, 2)])
            .collect()
    }

    /// Each by itself may fail.
    #[cache(batch = ids)]
    async fn each(&self, ids: &[u64]) -> Vec<Result<u64, String>> {
        self.ran(ids);
        let one = |id: &u64| {
            if id.is_multiple_of(2) {
                Ok(*id)
            } else {
                Err("odd".to_owned())
            }
        };
        ids.iter().map(one).collect()
    }

    #[cache(batch = ids, maxsize = 20_000)]
    async fn many(&self, ids: Vec<u64>) -> HashMap<u64, u64> {
        self.ran(&ids);
        ids.into_iter().map(|id| (id, id * 2)).collect()
    }
}

fn odd(cache: &Cache) -> (CachedOdd, Arc<Mutex<Vec<Vec<u64>>>>) {
    let odd = Odd::default();
    let runs = odd.runs.clone();
    (odd.cached(cache), runs)
}

#[tokio::test]
async fn a_list_of_another_length_is_returned_and_not_stored() {
    let log = Log::start();
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (odd, runs) = odd(&cache);
        for _ in 0..2 {
            assert_eq!(odd.short(&[1, 2, 3]).await, [2]);
        }
        assert_eq!(*runs.lock().unwrap(), [[1, 2, 3], [1, 2, 3]]);
        assert_eq!(cache.len().await.unwrap(), 0);
        odd.short(&[2, 4]).await;
        assert_eq!(cache.len().await.unwrap(), 2);
        runs.lock().unwrap().clear();
        assert_eq!(
            odd.short(&[2, 1, 4, 3]).await,
            [2, 4],
            "as the method answers all"
        );
        assert_eq!(*runs.lock().unwrap(), [vec![1, 3], vec![2, 1, 4, 3]]);
        assert_eq!(cache.len().await.unwrap(), 2);
    })
    .await;
    let said = log.said(Level::WARN, "another number of values");
    assert!(
        !said.is_empty() && said.len() <= 1 + support::binaries().len(),
        "once for each cache: {said:?}"
    );
}

#[tokio::test]
async fn values_of_other_ids_are_left_out_and_not_stored() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (odd, _) = odd(&cache);
        for _ in 0..2 {
            assert_eq!(odd.more(&[1, 2]).await, HashMap::from([(1, 1), (2, 1)]));
        }
        assert_eq!(odd.entry().more(101).peek().await.unwrap(), None);
        assert_eq!(cache.len().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn of_results_by_position_only_those_that_are_ok_are_stored() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (odd, runs) = odd(&cache);
        let expected = [Err("odd".to_owned()), Ok(2), Err("odd".to_owned())];
        for _ in 0..2 {
            assert_eq!(odd.each(&[1, 2, 1]).await, expected);
        }
        let runs = runs.lock().unwrap().clone();
        assert_eq!(
            runs,
            [vec![1, 2], vec![1], vec![1], vec![1]],
            "what is an error cannot be copied"
        );
        assert_eq!(odd.entry().each(2).peek().await.unwrap(), Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_ids_are_one_run() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (odd, runs) = odd(&cache);
        let odd = Arc::new(odd);
        let ids: Vec<u64> = (0..10_000).collect();
        let many = async |ids: &[u64]| {
            let (odd, ids) = (odd.clone(), ids.to_vec());
            let call = tokio::spawn(async move { odd.many(ids).await });
            call.await.unwrap()
        };
        many(&ids[..9_000]).await;
        assert_eq!(cache.len().await.unwrap(), 9_000);
        assert_eq!(many(&ids).await.len(), 10_000);
        assert_eq!(runs.lock().unwrap()[1], ids[9_000..]);
        assert_eq!(many(&ids).await.len(), 10_000);
        assert_eq!(runs.lock().unwrap().len(), 2);
        // Of so many hits at once not all are recorded, which is counted in `error`.
        let stats = cache.stats();
        assert_eq!((stats.exec, stats.write, stats.hit), (2, 10_000, 19_000));
    })
    .await;
}
