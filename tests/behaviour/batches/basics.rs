//! What is returned, stored and run for: every form of ids and of returned values.

#![allow(clippy::ptr_arg, clippy::unnecessary_wraps)] // signatures as users write them

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::{Deserialize, Serialize};

use super::everywhere;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

#[derive(Debug, PartialEq)]
struct DbError;

/// Runs are recorded with their ids.
#[derive(Default)]
struct Users {
    runs: Arc<Mutex<Vec<Vec<u64>>>>,
}

fn user(id: u64) -> User {
    User {
        id,
        name: format!("user {id}"),
    }
}

/// Ids above 100 are of no user, and 1000 is an error.
fn some(id: u64) -> Option<User> {
    (id <= 100).then(|| user(id))
}

impl Users {
    fn ran(&self, ids: &[u64]) {
        self.runs.lock().unwrap().push(ids.to_vec());
    }
}

#[cache_impl(ttl = "5m", self_key = ())]
impl Users {
    async fn find(&self, id: u64) -> Result<Option<User>, DbError> {
        self.ran(&[id]);
        Ok(some(id))
    }

    #[cache(batch = ids, shares = find)]
    async fn find_many(&self, ids: &[u64]) -> Result<HashMap<u64, User>, DbError> {
        self.ran(ids);
        if ids.contains(&1000) {
            return Err(DbError);
        }
        Ok(ids.iter().filter_map(|&id| Some((id, some(id)?))).collect())
    }

    #[cache(batch = ids)]
    async fn own(
        &self,
        tenant: &str,
        ids: &Vec<u64>,
        #[cache_skip] suffix: String,
    ) -> BTreeMap<u64, String> {
        self.ran(ids);
        let name = |id: u64| format!("{tenant} {id} {suffix}");
        ids.iter()
            .filter(|id| **id <= 100)
            .map(|&id| (id, name(id)))
            .collect()
    }

    #[cache(batch = ids)]
    async fn all(&self, ids: Vec<u64>) -> Vec<Option<User>> {
        self.ran(&ids);
        ids.into_iter().map(some).collect()
    }

    #[cache(batch = names)]
    fn lengths(&self, names: &[&str]) -> Result<HashMap<String, usize>, DbError> {
        self.ran(&[]);
        Ok(names
            .iter()
            .map(|name| ((*name).to_owned(), name.len()))
            .collect())
    }

    #[cache(batch = ids)]
    fn later(&self, ids: Vec<u64>) -> impl Future<Output = Vec<u64>> {
        self.ran(&ids);
        async move { ids.iter().map(|id| id * 2).collect() }
    }
}

fn cached(cache: &Cache) -> (CachedUsers, Arc<Mutex<Vec<Vec<u64>>>>) {
    let users = Users::default();
    let runs = users.runs.clone();
    (users.cached(cache), runs)
}

fn taken(runs: &Mutex<Vec<Vec<u64>>>) -> Vec<Vec<u64>> {
    std::mem::take(&mut runs.lock().unwrap())
}

#[tokio::test]
async fn the_method_runs_once_for_the_ids_that_miss() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (users, runs) = cached(&cache);
        users.find(2).await.unwrap();
        assert_eq!(taken(&runs), [[2]]);
        let found = users.find_many(&[3, 2, 101, 3, 1, 101]).await.unwrap();
        assert_eq!(
            taken(&runs),
            [[3, 101, 1]],
            "in the order of their first appearance"
        );
        let expected: HashMap<_, _> = [1, 2, 3].map(|id| (id, user(id))).into();
        assert_eq!(found, expected);
        let found = users.find_many(&[101, 1, 2, 3]).await.unwrap();
        assert_eq!(found, expected);
        assert_eq!(users.find(101).await, Ok(None));
        assert_eq!(users.find(3).await, Ok(some(3)));
        assert_eq!(taken(&runs), Vec::<Vec<u64>>::new());
        assert_eq!(users.find_many(&[]).await, Ok(HashMap::new()));
        assert_eq!(users.find_many(&[1000, 1]).await, Err(DbError));
        assert_eq!(taken(&runs), [[1000]]);
        assert_eq!(
            users.entry().find_many(3).peek().await.unwrap(),
            Some(some(3))
        );
        assert!(users.entry().find_many(3).invalidate().await.unwrap());
        users.find(3).await.unwrap();
        assert_eq!(taken(&runs), [[3]]);
    })
    .await;
}

#[tokio::test]
async fn every_form_of_ids_and_results() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (users, runs) = cached(&cache);
        for _ in 0..2 {
            let found = users.own("a", &vec![1, 101, 2, 1], "x".to_owned()).await;
            assert_eq!(
                found,
                [(1, "a 1 x".to_owned()), (2, "a 2 x".to_owned())].into()
            );
        }
        assert_eq!(taken(&runs), [[1, 101, 2]]);
        users.own("b", &vec![1], "y".to_owned()).await;
        assert_eq!(taken(&runs), [[1]]);
        for _ in 0..2 {
            let found = users.all(vec![5, 101, 5, 6]).await;
            assert_eq!(found, [some(5), None, some(5), some(6)]);
        }
        assert_eq!(taken(&runs), [[5, 101, 6]]);
        for _ in 0..2 {
            let found = users.lengths(&["a", "bb", "a"]).unwrap();
            assert_eq!(found, [("a".to_owned(), 1), ("bb".to_owned(), 2)].into());
        }
        assert_eq!(taken(&runs).len(), 1);
        for _ in 0..2 {
            assert_eq!(users.later(vec![5, 6, 5]).await, [10, 12, 10]);
        }
        assert_eq!(taken(&runs), [[5, 6]]);
    })
    .await;
}

static CACHE: std::sync::LazyLock<Cache> =
    std::sync::LazyLock::new(|| Cache::builder("batch function").memory().build().unwrap());

#[cache_fn(cache = CACHE, batch = ids)]
async fn doubled(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, id * 2)).collect()
}

#[tokio::test]
async fn a_function_may_be_a_batch() {
    assert_eq!(doubled(&[1, 2]).await, [(1, 2), (2, 4)].into());
    assert_eq!(doubled::entry(2).peek().await.unwrap(), Some(Some(4)));
}
