#![deny(warnings)]
//! Blocks whose own functions and methods are cached, without a wrapper.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, cache_impl};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());
static QUERIES: AtomicU64 = AtomicU64::new(0);

struct Pool;

impl Pool {
    fn query(&self) {
        QUERIES.fetch_add(1, Ordering::Relaxed);
    }
}

fn queries() -> u64 {
    QUERIES.swap(0, Ordering::Relaxed)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    id: u64,
    email: String,
}

#[cache_impl(cache = CACHE, ttl = "5m", self_key = self.id)]
impl User {
    pub(crate) const TABLE: &'static str = "users";

    /// Constructors are left alone, by their names …
    pub(crate) fn new(id: u64, email: &str) -> Self {
        Self {
            id,
            email: email.to_owned(),
        }
    }

    pub(crate) fn from_parts((id, email): (u64, &str)) -> Self {
        Self::new(id, email)
    }

    pub(crate) fn with_email(self, email: &str) -> Self {
        Self {
            email: email.to_owned(),
            ..self
        }
    }

    /// … and by what they return.
    pub(crate) fn anonymous() -> Self {
        Self::new(0, "")
    }

    /// But what is said counts.
    #[cache(ttl = "1m")]
    pub(crate) fn parsed(text: &str) -> Self {
        Pool.query();
        Self::new(text.len() as u64, text)
    }

    /// An `Option` of it is looked up.
    pub(crate) async fn by_email(
        #[cache_skip] pool: &Pool,
        email: &str,
    ) -> Result<Option<Self>, String> {
        pool.query();
        Ok(email.contains('@').then(|| Self::new(1, email)))
    }

    pub(crate) async fn orders(
        &self,
        #[cache_skip] pool: &Pool,
        n: u64,
    ) -> Result<Vec<u64>, String> {
        pool.query();
        Ok((0..n).map(|order| order + self.id).collect())
    }

    /// A call of another is cached as well.
    pub(crate) async fn total(&self, #[cache_skip] pool: &Pool) -> Result<u64, String> {
        pool.query();
        Ok(self.orders(pool, 3).await?.iter().sum())
    }

    fn length(&self) -> usize {
        Pool.query();
        self.email.len()
    }

    #[nocache]
    #[invalidates(by_email(email), orders(..), total())]
    pub(crate) async fn rename(&self, email: &str) -> Result<(), String> {
        let _ = email;
        Ok(())
    }

    #[nocache]
    #[invalidates(by_email(email))]
    pub(crate) async fn register(email: &str) -> Result<u64, String> {
        Ok(email.len() as u64)
    }

    #[nocache]
    pub(crate) fn change(&mut self) {
        self.id += 1;
    }

    #[nocache]
    pub(crate) fn into_email(self) -> String {
        self.email
    }
}

async fn inherent() {
    let pool = Pool;
    for _ in 0..2 {
        let found = User::by_email(&pool, "a@b").await.unwrap();
        assert_eq!(found.map(User::into_email).as_deref(), Some("a@b"));
        assert_eq!(User::by_email(&pool, "a").await, Ok(None));
        assert_eq!(User::parsed("ab").id, 2);
    }
    assert_eq!(queries(), 3);
    let (one, two) = (
        User::anonymous(),
        User::from_parts((7, "c@d")).with_email("c@e"),
    );
    assert_eq!(one.total(&pool).await, Ok(3));
    assert_eq!(one.orders(&pool, 3).await, Ok(vec![0, 1, 2])); // stored by `total`
    assert_eq!(two.orders(&pool, 1).await, Ok(vec![7]));
    assert_eq!(one.orders(&pool, 1).await, Ok(vec![0]));
    assert_eq!((two.length(), two.length(), User::TABLE), (3, 3, "users"));
    assert_eq!(queries(), 5);

    assert_eq!(
        CachedUser::entry_of(&two).orders(1).peek().await.unwrap(),
        Some(vec![7])
    );
    assert_eq!(CachedUser::entry_of(&two).length().peek().unwrap(), Some(3));
    assert!(
        CachedUser::entry()
            .by_email("a@b")
            .peek()
            .await
            .unwrap()
            .is_some()
    );
    User::register("a@b").await.unwrap();
    assert!(
        CachedUser::entry()
            .by_email("a@b")
            .peek()
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(User::by_email(&pool, "a").await, Ok(None));
    assert_eq!(queries(), 0);
    CachedUser::all().by_email().invalidate().await.unwrap();
    assert_eq!(User::by_email(&pool, "a").await, Ok(None));
    assert_eq!(queries(), 1);

    two.rename("c@f").await.unwrap();
    assert_eq!(
        CachedUser::entry_of(&two).orders(1).peek().await.unwrap(),
        None
    );
    let mut two = two;
    two.change();
    assert_eq!(two.id, 8);
}

/// Only functions: nothing of `self` to speak of.
struct Rates;

#[cache_impl(cache = *CACHE, multiple, handle = RateHandles)]
impl Rates {
    async fn of(code: &str) -> usize {
        Pool.query();
        code.len()
    }

    fn twice(code: &str) -> usize {
        code.len() * 2
    }
}

async fn functions_alone() {
    assert_eq!((Rates::of("EUR").await, Rates::of("EUR").await), (3, 3));
    assert_eq!((queries(), Rates::twice("EUR")), (1, 6));
    assert_eq!(
        RateHandles::entry().of("EUR").peek().await.unwrap(),
        Some(3)
    );
    RateHandles::all().twice().invalidate().unwrap();
    assert_eq!(RateHandles::entry().twice("EUR").peek().unwrap(), None);
}

struct Table<'c, Row, const N: usize> {
    pool: &'c Pool,
    rows: Vec<Row>,
}

#[cache_impl(cache = CACHE, self_key = N)]
impl<Row: Clone + Serialize + for<'de> Deserialize<'de>, const N: usize> Table<'_, Row, N> {
    fn row(&self, n: usize) -> Option<Row> {
        self.pool.query();
        self.rows.get(n + N).cloned()
    }

    fn name(of: &str) -> String {
        Pool.query();
        format!("{of} {N} {}", std::any::type_name::<Row>())
    }
}

fn generic() {
    let pool = Pool;
    let numbers = Table::<u64, 1> {
        pool: &pool,
        rows: vec![1, 2],
    };
    let words = Table::<String, 0> {
        pool: &pool,
        rows: vec!["one".to_owned()],
    };
    for _ in 0..2 {
        assert_eq!(
            (numbers.row(0), words.row(0).as_deref()),
            (Some(2), Some("one"))
        );
        assert_eq!(Table::<u64, 1>::name("t"), "t 1 u64");
        assert_eq!(Table::<u64, 2>::name("t"), "t 2 u64");
    }
    assert_eq!(queries(), 4);
}

trait Lookup {
    type Row;
    const LIMIT: usize;

    fn find(&self, id: u64) -> impl Future<Output = Option<Self::Row>> + Send;

    fn count(of: &str) -> usize;

    /// Provided, and not overridden: it calls what is cached.
    fn both(&self, one: u64, two: u64) -> impl Future<Output = Vec<Self::Row>> + Send
    where
        Self: Sync,
        Self::Row: Send,
    {
        async move {
            let found = [self.find(one).await, self.find(two).await];
            found.into_iter().flatten().take(Self::LIMIT).collect()
        }
    }

    fn limit(&self) -> usize {
        Self::LIMIT
    }
}

struct Store(Pool);

#[cache_impl(cache = CACHE, self_key = ())]
impl Lookup for Store {
    type Row = u64;
    const LIMIT: usize = 2;

    async fn find(&self, id: u64) -> Option<u64> {
        self.0.query();
        (id > 0).then_some(id)
    }

    fn count(of: &str) -> usize {
        Pool.query();
        of.len()
    }
}

async fn of_a_trait() {
    let store = Store(Pool);
    for _ in 0..2 {
        assert_eq!((store.find(1).await, Store::count("ab")), (Some(1), 2));
        assert_eq!((store.both(1, 2).await, store.limit()), (vec![1, 2], 2));
    }
    assert_eq!(queries(), 3);
    assert_eq!(
        CachedStore::entry_of(&store).find(2).peek().await.unwrap(),
        Some(Some(2))
    );
    assert_eq!(CachedStore::entry().count("ab").peek().unwrap(), Some(2));
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    inherent().await;
    functions_alone().await;
    generic();
    of_a_trait().await;
}
