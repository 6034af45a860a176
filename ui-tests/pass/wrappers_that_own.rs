#![deny(warnings)]
//! A trait with `&mut self` methods: its wrapper owns the value, and stands where the trait is wanted.

use std::future::Future;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, CacheMutExt as _, EntryHandle, cache_impl};

#[derive(Debug)]
struct Error;

/// Not `Sync`, as a connection may be.
#[derive(Default)]
struct Connection(std::cell::Cell<u64>);

#[async_trait]
trait UserRepository: Send {
    async fn lookup(&mut self, id: u64) -> Result<Option<String>, Error>;
    async fn find_by_name<S: Into<String> + Send>(&mut self, name: S) -> Result<u64, Error>
    where
        Self: Sized;
    async fn add(&mut self, name: &str) -> Result<u64, Error>;
    async fn rename(&mut self, id: u64, name: &str) -> Result<(), Error>;
    fn queries(&mut self) -> u64;
    async fn save(self: Box<Self>) -> Result<(), Error>
    where
        Self: Sized,
    {
        Ok(())
    }
}

struct PgUserRepository<'c> {
    tenant: u64,
    conn: &'c mut Connection,
}

impl PgUserRepository<'_> {
    fn query(&mut self) -> u64 {
        self.conn.0.set(self.conn.0.get() + 1);
        self.conn.0.get()
    }
}

#[cache_impl(self_key = self.tenant)]
#[async_trait]
impl UserRepository for PgUserRepository<'_> {
    #[cache(ttl = "5m", cache_none = false)]
    async fn lookup(&mut self, id: u64) -> Result<Option<String>, Error> {
        let query = self.query();
        Ok((id > 0).then(|| format!("user {id}, query {query}")))
    }

    #[cache]
    async fn find_by_name<S: Into<String> + Send>(&mut self, name: S) -> Result<u64, Error> {
        let _: String = name.into();
        Ok(self.query())
    }

    async fn add(&mut self, _name: &str) -> Result<u64, Error> {
        Ok(self.query())
    }

    #[invalidates(lookup(id), find_by_name(..))]
    async fn rename(&mut self, id: u64, name: &str) -> Result<(), Error> {
        let _ = (id, name, self.query());
        Ok(())
    }

    fn queries(&mut self) -> u64 {
        self.conn.0.get()
    }
}

trait Counters {
    type Count;
    fn next(&mut self, by: u64) -> impl Future<Output = Self::Count> + Send;
    fn peeked(&self, id: u64) -> u64;
    fn sync(&mut self, id: u64) -> Result<u64, Error>;
    fn reset(&mut self, to: u64) -> impl Future<Output = ()> + Send;
    fn finish(self) -> u64;
    fn name() -> &'static str;
}

struct Counter<T> {
    at: u64,
    step: T,
}

#[cache_impl(only(peeked, sync), self_key = ())]
impl<T: Into<u64> + Copy + Send + Sync> Counters for Counter<T> {
    type Count = u64;

    fn next(self: &mut Self, by: u64) -> impl Future<Output = u64> + Send {
        self.at += self.step.into() * by;
        let at = self.at;
        async move { at }
    }
    fn peeked(&self, id: u64) -> u64 {
        self.at + id
    }
    fn sync(&mut self, id: u64) -> Result<u64, Error> {
        self.at += 1;
        Ok(self.at + id)
    }
    #[invalidates(peeked(..), sync(to))]
    fn reset(&mut self, to: u64) -> impl Future<Output = ()> + Send {
        self.at = to;
        async {}
    }
    fn finish(self) -> u64 {
        self.at
    }
    fn name() -> &'static str {
        "counter"
    }
}

trait Streams {
    fn read(&mut self, id: u64) -> impl Future<Output = u64> + Send;
}

// A second trait of the same type joins its wrapper.
#[cache_impl(wrapper = CachedCounter, only(read))]
impl<T: Into<u64> + Copy + Send + Sync> Streams for Counter<T> {
    fn read(&mut self, id: u64) -> impl Future<Output = u64> + Send {
        async move {
            self.at += 1;
            self.at + id
        }
    }
}

struct Shared;

#[cache_impl]
impl Shared {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

async fn twice(users: &mut impl UserRepository) -> (Option<String>, Option<String>) {
    let first = is_send(users.lookup(1)).await.unwrap();
    (first, users.lookup(1).await.unwrap())
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let (mut one, mut other) = (Connection::default(), Connection::default());
    let mut users = PgUserRepository {
        tenant: 1,
        conn: &mut one,
    }
    .cached_mut(&cache);
    let (first, second) = twice(&mut users).await;
    assert_eq!(
        (first.as_deref(), second.as_deref()),
        (Some("user 1, query 1"), Some("user 1, query 1"))
    );
    // Another value of the same tenant shares the entries.
    let mut users2 = PgUserRepository {
        tenant: 1,
        conn: &mut other,
    }
    .cached_mut(&cache);
    assert_eq!(users2.lookup(1).await.unwrap(), first);
    assert_eq!((users2.queries(), users.queries()), (0, 1));
    assert_eq!(
        (
            users.lookup(0).await.unwrap(),
            users.lookup(0).await.unwrap()
        ),
        (None, None)
    );
    assert_eq!(users.queries(), 3);
    assert_eq!(
        (
            users.find_by_name("a").await.unwrap(),
            users.find_by_name(String::from("a")).await.unwrap()
        ),
        (4, 4)
    );
    assert_eq!(
        (users.add("a").await.unwrap(), users.add("a").await.unwrap()),
        (5, 6)
    );

    let handle: EntryHandle<'_, _, Result<Option<String>, Error>, ()> = users.entry().lookup(1);
    assert_eq!(handle.peek().await.unwrap().flatten(), first);
    assert!(
        users
            .entry()
            .find_by_name("a")
            .peek()
            .await
            .unwrap()
            .is_some()
    );
    is_send(users.rename(1, "b")).await.unwrap();
    assert_eq!(users2.entry().lookup(1).peek().await.unwrap(), None);
    assert_eq!(users2.entry().find_by_name("a").peek().await.unwrap(), None);
    assert_eq!(
        users2.lookup(1).await.unwrap().as_deref(),
        Some("user 1, query 1")
    );
    users.all().lookup().invalidate().await.unwrap();
    assert_eq!(users2.entry().lookup(1).peek().await.unwrap(), None);
    assert_eq!(CachedPgUserRepository::inner(&users).tenant, 1);
    assert!(format!("{users:?}").starts_with("CachedPgUserRepository"));
    let inner = CachedPgUserRepository::into_inner(users);
    assert_eq!(inner.conn.0.get(), 7);
    drop(users2);

    let mut counter = Counter { at: 0, step: 2_u8 }.cached_mut(&cache);
    assert_eq!(
        (is_send(counter.next(1)).await, counter.next(1).await),
        (2, 4)
    );
    assert_eq!(
        (counter.peeked(0), counter.next(1).await, counter.peeked(0)),
        (4, 6, 4)
    );
    assert_eq!((counter.sync(0).unwrap(), counter.sync(0).unwrap()), (7, 7));
    assert_eq!(counter.entry().peeked(0).peek().unwrap(), Some(4));
    assert_eq!(counter.entry().peeked(1).refresh(), 8);
    is_send(counter.reset(0)).await;
    assert_eq!((counter.peeked(0), counter.sync(0).unwrap()), (0, 1));
    assert_eq!(
        (is_send(counter.read(0)).await, counter.read(0).await),
        (2, 2)
    );
    assert_eq!(CachedCounter::<u8>::name(), "counter");
    assert_eq!(counter.finish(), 2);
    assert_eq!(Shared.cached(&cache).find(1).await, 1);
}
