//! Every batch answers and stores what the same calls would, made one by one.

#![allow(clippy::ptr_arg, clippy::ref_option)] // signatures as users write them, and as options want them

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use redis_func_cache::{Cache, CacheExt as _, Mode, cache_impl};
use serde::{Deserialize, Serialize};
use support::{PATIENT, Server, check_pairs, unique};

/// What is behind the cache: each step has values of its own, so that old ones are seen.
#[derive(Debug, Default)]
struct Source {
    step: AtomicU64,
    /// The ids whose calls fail in this step.
    wrong: Mutex<BTreeSet<u64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    step: u64,
    kind: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Failure;

impl Source {
    fn row(&self, id: u64) -> Option<Row> {
        let step = self.step.load(Ordering::SeqCst);
        let kind = (id * 7 + step / 3) % 8;
        (kind > 1).then_some(Row { id, step, kind })
    }

    fn run(&self, ids: &[u64]) -> Result<Vec<Option<Row>>, Failure> {
        let wrong = self.wrong.lock().unwrap();
        if ids.iter().any(|id| wrong.contains(id)) {
            return Err(Failure);
        }
        Ok(ids.iter().map(|id| self.row(*id)).collect())
    }
}

fn is_stored(row: &Option<Row>) -> bool {
    row.as_ref().is_none_or(|row| row.kind != 2)
}

/// Zero is not stored.
fn life(row: &Option<Row>) -> Duration {
    match row {
        Some(row) if row.kind == 3 => Duration::ZERO,
        _ => Duration::from_secs(60),
    }
}

struct Table(Arc<Source>);

fn map<M: FromIterator<(u64, Row)>>(rows: Vec<Option<Row>>) -> M {
    rows.into_iter()
        .flatten()
        .map(|row| (row.id, row))
        .collect()
}

#[cache_impl(ttl = "5m", self_key = ())]
impl Table {
    #[cache(cache_if = is_stored, ttl_fn = life)]
    async fn find(&self, id: u64) -> Result<Option<Row>, Failure> {
        Ok(self.0.run(&[id])?.remove(0))
    }

    #[cache(batch = ids, shares = find)]
    async fn shared(&self, ids: &[u64]) -> Result<HashMap<u64, Row>, Failure> {
        Ok(map(self.0.run(ids)?))
    }

    #[cache(batch = ids, cache_if = is_stored, ttl_fn = life)]
    async fn mapped(&self, ids: Vec<u64>) -> Result<BTreeMap<u64, Row>, Failure> {
        Ok(map(self.0.run(&ids)?))
    }

    #[cache(batch = ids, cache_if = is_stored, ttl_fn = life)]
    async fn listed(&self, ids: &Vec<u64>) -> Result<Vec<Option<Row>>, Failure> {
        self.0.run(ids)
    }

    #[cache(batch = ids, shares = some)]
    fn without_none(&self, ids: &[u64]) -> Result<HashMap<u64, Row>, Failure> {
        Ok(map(self.0.run(ids)?))
    }

    #[cache(cache_none = false)]
    fn some(&self, id: u64) -> Result<Option<Row>, Failure> {
        Ok(self.0.run(&[id])?.remove(0))
    }

    /// Fails where there is no row: so absent ids of the batch are not stored.
    async fn existing(&self, id: u64) -> Result<Row, Failure> {
        self.0.run(&[id])?.remove(0).ok_or(Failure)
    }

    #[cache(batch = ids, shares = existing)]
    async fn all_existing(&self, ids: &[u64]) -> Result<HashMap<u64, Row>, Failure> {
        Ok(map(self.0.run(ids)?))
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Shared,
    Mapped,
    Listed,
    WithoutNone,
    Existing,
}

const FORMS: [Form; 5] = [
    Form::Shared,
    Form::Mapped,
    Form::Listed,
    Form::WithoutNone,
    Form::Existing,
];

#[derive(Debug, Clone)]
enum Step {
    Batch {
        ids: Vec<u64>,
        wrong: Vec<u64>,
        mode: Mode,
    },
    /// One id through the single method that shares entries, if there is one.
    One(u64),
    Invalidate(u64),
}

/// The answer for each place, and what is stored of each id.
type Rows = Vec<Option<Row>>;

/// A table of its own for batches, and one for single calls.
struct Tables {
    form: Form,
    source: Arc<Source>,
    batched: CachedTable,
    single: CachedTable,
    caches: [Cache; 2],
}

impl Tables {
    fn new(form: Form, server: Option<&Server>) -> Self {
        let source = Arc::<Source>::default();
        let cache = || {
            let builder = Cache::builder(unique("property"));
            let builder = match server {
                Some(server) => builder.redis(server.url()).deadline(PATIENT),
                None => builder.memory(),
            };
            builder.build().unwrap()
        };
        let caches = [cache(), cache()];
        let [batched, single] = caches
            .each_ref()
            .map(|cache| Table(source.clone()).cached(cache));
        Self {
            form,
            source,
            batched,
            single,
            caches,
        }
    }

    async fn batch(&self, ids: &[u64]) -> Result<Rows, Failure> {
        fn rows(ids: &[u64], found: &HashMap<u64, Row>) -> Rows {
            assert!(found.keys().all(|id| ids.contains(id)));
            ids.iter().map(|id| found.get(id).cloned()).collect()
        }
        match self.form {
            Form::Shared => Ok(rows(ids, &self.batched.shared(ids).await?)),
            Form::Mapped => {
                let found = self.batched.mapped(ids.to_vec()).await?;
                Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
            }
            Form::Listed => self.batched.listed(&ids.to_vec()).await,
            Form::WithoutNone => {
                let found = tokio::task::block_in_place(|| self.batched.without_none(ids));
                Ok(rows(ids, &found?))
            }
            Form::Existing => Ok(rows(ids, &self.batched.all_existing(ids).await?)),
        }
    }

    async fn one(&self, table: &CachedTable, id: u64) -> Result<Option<Row>, Failure> {
        match self.form {
            Form::Shared | Form::Mapped | Form::Listed => table.find(id).await,
            Form::WithoutNone => tokio::task::block_in_place(|| table.some(id)),
            Form::Existing => match table.existing(id).await {
                Ok(row) => Ok(Some(row)),
                // The batch leaves it out; that other failures are the batch's own has been seen to.
                Err(Failure) => Ok(None),
            },
        }
    }

    async fn stored(&self, id: u64) -> [Option<Option<Row>>; 2] {
        let (batched, single) = (self.batched.entry(), self.single.entry());
        let batched = match self.form {
            Form::Shared => batched.shared(id).peek().await.unwrap(),
            Form::Mapped => batched.mapped(id).peek().await.unwrap(),
            Form::Listed => batched.listed(id).peek().await.unwrap(),
            Form::WithoutNone => {
                tokio::task::block_in_place(|| batched.without_none(id).peek().unwrap())
            }
            Form::Existing => batched.all_existing(id).peek().await.unwrap().map(Some),
        };
        let single = match self.form {
            Form::Shared | Form::Mapped | Form::Listed => single.find(id).peek().await.unwrap(),
            Form::WithoutNone => tokio::task::block_in_place(|| single.some(id).peek().unwrap()),
            Form::Existing => single.existing(id).peek().await.unwrap().map(Some),
        };
        [batched, single]
    }

    async fn step(&self, step: &Step) {
        self.source.step.fetch_add(1, Ordering::SeqCst);
        match step {
            Step::Batch { ids, wrong, mode } => self.compare(ids, wrong, *mode).await,
            Step::One(id) => {
                let batched = match self.form {
                    // They share no entries with a method.
                    Form::Mapped | Form::Listed => Ok(self.batch(&[*id]).await.unwrap().remove(0)),
                    _ => self.one(&self.batched, *id).await,
                };
                assert_eq!(batched, self.one(&self.single, *id).await);
            }
            Step::Invalidate(id) => self.invalidate(*id).await,
        }
        for id in 0..12 {
            let [batched, single] = self.stored(id).await;
            assert_eq!(batched, single, "what is stored of {id} after {step:?}");
        }
    }

    /// A batch whose missing ids are right returns what single calls do; one with a wrong id among them fails as a
    /// whole, and changes nothing.
    async fn compare(&self, ids: &[u64], wrong: &[u64], mode: Mode) {
        let is_missing = async |id: u64| !mode.read || self.stored(id).await[1].is_none();
        let mut fails = false;
        for id in ids {
            fails |= wrong.contains(id) && is_missing(*id).await;
        }
        *self.source.wrong.lock().unwrap() = wrong.iter().copied().collect();
        let batched = self.caches[0].with_mode(mode, self.batch(ids)).await;
        self.source.wrong.lock().unwrap().clear();
        if fails {
            assert_eq!(batched, Err(Failure), "{ids:?} with {wrong:?}");
            return;
        }
        let mut answers = Vec::new();
        for id in ids {
            let answer = self.caches[1].with_mode(mode, self.one(&self.single, *id));
            answers.push(answer.await.unwrap());
        }
        assert_eq!(batched, Ok(answers), "{ids:?}");
    }

    async fn invalidate(&self, id: u64) {
        let (batched, single) = (self.batched.entry(), self.single.entry());
        let dropped = match self.form {
            Form::Shared => batched.shared(id).invalidate().await,
            Form::Mapped => batched.mapped(id).invalidate().await,
            Form::Listed => batched.listed(id).invalidate().await,
            Form::WithoutNone => {
                tokio::task::block_in_place(|| batched.without_none(id).invalidate())
            }
            Form::Existing => batched.all_existing(id).invalidate().await,
        };
        let also = match self.form {
            Form::Shared | Form::Mapped | Form::Listed => single.find(id).invalidate().await,
            Form::WithoutNone => tokio::task::block_in_place(|| single.some(id).invalidate()),
            Form::Existing => single.existing(id).invalidate().await,
        };
        assert_eq!(dropped.unwrap(), also.unwrap());
    }
}

fn step() -> impl Strategy<Value = Step> {
    let ids = prop::collection::vec(0..12_u64, 0..10);
    let wrong = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(0..12_u64, 1..3),
    ];
    let mode = prop_oneof![
        6 => Just(Mode::default()),
        1 => Just(Mode { read: true, write: false }),
        1 => Just(Mode { read: false, write: true }),
        1 => Just(Mode { read: false, write: false }),
    ];
    prop_oneof![
        4 => (ids, wrong, mode).prop_map(|(ids, wrong, mode)| Step::Batch { ids, wrong, mode }),
        1 => (0..12_u64).prop_map(Step::One),
        1 => (0..12_u64).prop_map(Step::Invalidate),
    ]
}

fn every_batch_answers_as_single_calls_do(server: Option<&Server>, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let steps = prop::collection::vec(step(), 1..12);
    let run = |steps: Vec<Step>| {
        for form in FORMS {
            let tables = Tables::new(form, server);
            runtime.block_on(async {
                for step in &steps {
                    tables.step(step).await;
                }
            });
        }
        Ok(())
    };
    runner.run(&steps, run).unwrap();
}

#[test]
fn every_batch_answers_as_single_calls_do_in_memory() {
    every_batch_answers_as_single_calls_do(None, 200);
}

#[test]
fn every_batch_answers_as_single_calls_do_on_a_server() {
    let server = Server::start();
    let cases = if support::is_further_server() { 8 } else { 25 };
    every_batch_answers_as_single_calls_do(Some(&server), cases);
    check_pairs(&server);
}
