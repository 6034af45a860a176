//! The public face, as a program that uses the crate sees it. What stands here stays.

#![allow(clippy::float_cmp, clippy::cast_precision_loss)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Codec, Mode, Policy, StructureTtl, cache_impl};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    id: u64,
    name: String,
}

#[derive(Debug, PartialEq)]
pub struct DbError;

pub struct Ctx;

#[derive(Default)]
pub struct Db {
    calls: AtomicU64,
}

pub struct UserRepo {
    db: Arc<Db>,
}

#[cache_impl(policy = "lru_t", multiple, maxsize = 10_000, ttl = "5m")]
impl UserRepo {
    pub fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    pub async fn find(&self, id: u64) -> Result<User, DbError> {
        self.db.calls.fetch_add(1, Ordering::SeqCst);
        if id == 0 {
            return Err(DbError);
        }
        Ok(User {
            id,
            name: format!("user {id}"),
        })
    }

    pub async fn search(&self, #[cache_skip] ctx: &Ctx, term: &str) -> Result<Vec<User>, DbError> {
        let _ = ctx;
        self.db.calls.fetch_add(1, Ordering::SeqCst);
        Ok(vec![User {
            id: 1,
            name: term.to_owned(),
        }])
    }

    #[cache(ttl = "30s")]
    pub fn tax_rate(&self, country: &str) -> f64 {
        self.db.calls.fetch_add(1, Ordering::SeqCst);
        country.len() as f64
    }

    #[nocache]
    #[invalidates(find(id), search(..))]
    pub async fn rename(&self, id: u64, name: &str) -> Result<(), DbError> {
        let _ = name;
        if id == 0 { Err(DbError) } else { Ok(()) }
    }
}

fn is_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
fn is_send<T: Send>(future: T) -> T {
    future
}

fn calls(repo: &CachedUserRepo) -> u64 {
    CachedUserRepo::inner(repo).db.calls.load(Ordering::SeqCst)
}

#[tokio::test]
async fn the_design_compiles_and_works_as_written() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::builder("shop").build()?;
    let repo = UserRepo::new(Arc::default()).cached(&cache);
    is_shareable(&repo);
    is_shareable(&cache);

    let user = is_send(repo.find(42)).await.unwrap();
    assert_eq!(repo.find(42).await.unwrap(), user);
    assert_eq!(calls(&repo), 1);

    assert_eq!(is_send(repo.search(&Ctx, "a")).await.unwrap().len(), 1);
    assert_eq!(repo.search(&Ctx, "a").await.unwrap().len(), 1);
    assert_eq!(calls(&repo), 2);

    assert_eq!(repo.tax_rate("de"), 2.0);
    assert_eq!(repo.tax_rate("de"), 2.0);
    assert_eq!(calls(&repo), 3);

    assert_eq!(repo.find(0).await, Err(DbError));
    assert_eq!(repo.find(0).await, Err(DbError));
    assert_eq!(calls(&repo), 5);

    assert_eq!(cache.len().await?, 3);
    let stats = cache.stats();
    assert_eq!(
        (stats.count, stats.hit, stats.miss, stats.exec, stats.write),
        (8, 3, 5, 5, 3)
    );
    assert_eq!(
        cache.method_stats()["behaviour::public_api::UserRepo::find"].hit,
        1
    );
    assert_eq!(cache.purge().await?, 3);
    cache.close().await;
    repo.find(42).await.unwrap();
    assert_eq!(calls(&repo), 6);
    Ok(())
}

#[tokio::test]
async fn handles_peek_put_and_invalidate_one_entry() {
    let cache = Cache::builder("shop").memory().build().unwrap();
    let repo = Arc::new(UserRepo::new(Arc::default())).cached(&cache);

    let user: Option<User> = repo.entry().find(42).peek().await.unwrap();
    assert_eq!(user, None);
    let other = User {
        id: 42,
        name: "put".to_owned(),
    };
    repo.entry().find(42).put(&other).await.unwrap();
    assert_eq!(repo.find(42).await.unwrap(), other);
    let left = repo.entry().find(42).ttl().await.unwrap().unwrap();
    assert!(
        left <= Duration::from_secs(300) && left > Duration::from_secs(290),
        "{left:?}"
    );
    assert!(repo.entry().find(42).invalidate().await.unwrap());
    assert!(!repo.entry().find(42).invalidate().await.unwrap());
    let fresh: Result<User, DbError> = is_send(repo.entry().find(42).refresh()).await;
    assert_eq!(fresh.unwrap().name, "user 42");
    assert_eq!(repo.find(42).await.unwrap().name, "user 42");

    let found: Result<Vec<User>, DbError> = is_send(repo.entry().search("x").refresh(&Ctx)).await;
    assert_eq!(found.unwrap()[0].name, "x");
    assert!(repo.entry().search("x").peek().await.unwrap().is_some());

    repo.entry().tax_rate("fr").put(&7.5).unwrap();
    assert_eq!(repo.tax_rate("fr"), 7.5);
    assert_eq!(repo.entry().tax_rate("fr").peek().unwrap(), Some(7.5));
    assert_eq!(repo.entry().tax_rate("fr").refresh(), 2.0);
    assert!(repo.entry().tax_rate("fr").ttl().unwrap().unwrap() <= Duration::from_secs(30));
    assert!(repo.entry().tax_rate("fr").invalidate().unwrap());
}

#[tokio::test]
async fn a_write_invalidates_the_entries_it_declares() {
    let cache = Cache::builder("shop").memory().build().unwrap();
    let repo = UserRepo::new(Arc::default()).cached(&cache);
    repo.find(1).await.unwrap();
    repo.find(2).await.unwrap();
    repo.search(&Ctx, "a").await.unwrap();
    repo.search(&Ctx, "b").await.unwrap();

    assert_eq!(repo.rename(0, "fails").await, Err(DbError));
    assert_eq!(cache.len().await.unwrap(), 4);
    is_send(repo.rename(1, "works")).await.unwrap();
    assert_eq!(cache.len().await.unwrap(), 1);
    assert!(repo.entry().find(2).peek().await.unwrap().is_some());
}

#[tokio::test]
async fn modes_and_statistics_hold_for_their_scope() {
    let cache = Cache::builder("shop").build().unwrap();
    let repo = UserRepo::new(Arc::default()).cached(&cache);
    cache.read_only(repo.find(1)).await.unwrap();
    cache.disable_rw(repo.find(1)).await.unwrap();
    assert_eq!(cache.len().await.unwrap(), 0);
    cache.write_only(repo.find(1)).await.unwrap();
    cache.write_only(repo.find(1)).await.unwrap();
    assert_eq!(calls(&repo), 4);
    let mode = Mode {
        read: true,
        write: false,
    };
    cache.with_mode(mode, repo.find(1)).await.unwrap();
    assert_eq!(calls(&repo), 4);
    assert_eq!(
        Mode::default(),
        Mode {
            read: true,
            write: true
        }
    );

    let (user, stats) = cache.with_stats(repo.find(1)).await;
    user.unwrap();
    assert_eq!((stats.count, stats.hit), (1, 1));
    assert_eq!(cache.read_only_sync(|| repo.tax_rate("de")), 2.0);
    assert_eq!(cache.len().await.unwrap(), 1);
    cache.write_only_sync(|| repo.tax_rate("de"));
    cache.disable_rw_sync(|| repo.tax_rate("de"));
    cache.with_mode_sync(mode, || repo.tax_rate("de"));
}

#[test]
fn settings_have_the_names_of_the_design() {
    let cache = Cache::builder("shop")
        .prefix("func-cache:")
        .policy(Policy::LruT)
        .multiple()
        .single()
        .cluster()
        .maxsize(1024)
        .ttl(Duration::from_secs(1))
        .structure_ttl(StructureTtl::Fixed(Duration::from_secs(60)))
        .structure_ttl(StructureTtl::Sliding(Duration::from_secs(3600)))
        .codec(Codec::Cbor)
        .redis("redis://127.0.0.1:6379")
        .build();
    assert!(cache.is_ok());
    assert!(
        Cache::builder("c")
            .redis_cluster(["redis://127.0.0.1:7000"])
            .build()
            .is_ok()
    );
    assert!(
        Cache::builder("s")
            .redis_sentinel(["redis://127.0.0.1:26379"], "mymaster")
            .build()
            .is_ok()
    );
    assert!(Cache::from_env("env").is_ok());
}
