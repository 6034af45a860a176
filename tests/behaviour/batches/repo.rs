//! A repository whose runs are recorded, and wait where the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

#[derive(Debug, PartialEq, Clone, Copy)]
pub(crate) struct Failure;

/// What a run does once its gate is open.
#[derive(Debug, PartialEq, Clone, Copy)]
pub(crate) enum End {
    Return,
    Fail,
    Panic,
}

/// Runs are numbered; the value of an id is `1000 * id + number`. Ids from 100 on have none.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    ran: Mutex<Vec<Vec<u64>>>,
    /// The gates of runs for a first id, and how those end.
    gates: Mutex<HashMap<u64, (Arc<Semaphore>, End)>>,
}

pub(crate) struct Repo(Arc<Runs>);

impl Runs {
    /// Runs whose first id is this one wait until the gate is opened.
    pub(crate) fn gate(&self, first: u64, end: End) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.gates
            .lock()
            .unwrap()
            .insert(first, (gate.clone(), end));
        gate
    }

    pub(crate) fn open(&self, first: u64) {
        if let Some((gate, _)) = self.gates.lock().unwrap().remove(&first) {
            gate.add_permits(1000);
        }
    }

    pub(crate) fn all(&self) -> Vec<Vec<u64>> {
        self.ran.lock().unwrap().clone()
    }

    /// Waits until there were so many runs.
    pub(crate) async fn are(&self, n: usize) {
        let many = async {
            while self.ran.lock().unwrap().len() < n {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), many).await;
        assert!(ended.is_ok(), "{n} runs, and there were {:?}", self.all());
    }
}

impl Repo {
    async fn run(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, Failure> {
        let number = {
            let mut ran = self.0.ran.lock().unwrap();
            ran.push(ids.to_vec());
            ran.len() as u64 - 1
        };
        let gate = self.0.gates.lock().unwrap().get(&ids[0]).cloned();
        if let Some((gate, end)) = gate {
            gate.acquire().await.unwrap().forget();
            match end {
                End::Return => {}
                End::Fail => return Err(Failure),
                // Without the hook, which takes its time for a backtrace.
                End::Panic => std::panic::resume_unwind(Box::new("on purpose")),
            }
        }
        let there = ids.iter().filter(|id| **id < 100);
        Ok(there.map(|id| (*id, 1000 * id + number)).collect())
    }
}

#[cache_impl(ttl = "5m", self_key = ())]
impl Repo {
    pub(crate) async fn find(&self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(self.run(&[id]).await?.remove(&id))
    }

    #[cache(batch = ids, shares = find)]
    pub(crate) async fn find_many(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, Failure> {
        self.run(ids).await
    }

    #[nocache]
    #[invalidates(each find(ids))]
    pub(crate) async fn delete(&self, ids: &[u64]) -> Result<usize, Failure> {
        Ok(ids.len())
    }
}

pub(crate) type Users = Arc<CachedRepo>;
type Many = Result<HashMap<u64, u64>, Failure>;

/// The repository on each of these caches, with its runs.
pub(crate) fn repo<const N: usize>(caches: [&Cache; N]) -> (Arc<Runs>, [Users; N]) {
    let runs = Arc::<Runs>::default();
    let users = caches.map(|cache| Arc::new(Repo(runs.clone()).cached(cache)));
    (runs, users)
}

pub(crate) fn many(users: &Users, ids: &[u64]) -> JoinHandle<Many> {
    let (users, ids) = (users.clone(), ids.to_vec());
    tokio::spawn(async move { users.find_many(&ids).await })
}

pub(crate) fn one(users: &Users, id: u64) -> JoinHandle<Result<Option<u64>, Failure>> {
    let users = users.clone();
    tokio::spawn(async move { users.find(id).await })
}

/// Far below the time after which a follower leads, or a lease ends.
pub(crate) async fn at_once<T>(call: JoinHandle<T>) -> T {
    let ended = tokio::time::timeout(Duration::from_millis(400), call).await;
    ended.expect("at once").unwrap()
}

/// Waits until calls of a cache have missed so often: they have joined flights, or lead.
pub(crate) async fn missed(cache: &Cache, n: u64) {
    while cache.stats().miss < n {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // From the count to the flight there is no wait.
    tokio::time::sleep(Duration::from_millis(20)).await;
}
