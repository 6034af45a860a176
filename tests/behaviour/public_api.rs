//! The public face, as a program that uses the crate sees it. What stands here stays.

#![allow(clippy::float_cmp, clippy::cast_precision_loss)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis_func_cache::{
    Cache, CacheExt as _, Codec, EntryToken, Inspection, LostInvalidation, Mode, Policy,
    StructureTtl, cache_fn, cache_impl,
};
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
    Ok(())
}

/// What they do is in `contract`.
#[tokio::test]
async fn handles_and_modes_have_the_names_of_the_design() -> Result<(), Box<dyn std::error::Error>>
{
    let cache = Cache::builder("shop").build()?;
    let repo = Arc::new(UserRepo::new(Arc::default())).cached(&cache);

    let user: Option<User> = repo.entry().find(42).peek().await?;
    assert_eq!(user, None);
    let fresh: Result<User, DbError> = is_send(repo.entry().find(42).refresh()).await;
    let ttl: Option<Duration> = repo.entry().find(42).ttl().await?;
    assert!(ttl.is_some_and(|left| left <= Duration::from_secs(300)));
    repo.entry().find(42).put(&fresh.unwrap()).await?;
    assert!(repo.entry().find(42).invalidate().await?);
    is_send(repo.all().find().invalidate()).await?;

    let found: Result<Vec<User>, DbError> = is_send(repo.entry().search("x").refresh(&Ctx)).await;
    assert_eq!(found.unwrap()[0].name, "x");
    is_send(repo.rename(42, "y")).await.unwrap();

    repo.entry().tax_rate("fr").put(&7.5)?;
    assert_eq!(repo.entry().tax_rate("fr").peek()?, Some(7.5));
    assert_eq!(repo.entry().tax_rate("fr").refresh(), 2.0);
    assert!(repo.entry().tax_rate("fr").ttl()?.is_some());
    assert!(repo.entry().tax_rate("fr").invalidate()?);
    repo.all().tax_rate().invalidate()?;

    let mode = Mode {
        read: true,
        write: false,
    };
    cache.with_mode(mode, repo.find(1)).await.unwrap();
    cache.with_mode_sync(mode, || repo.tax_rate("de"));
    assert_eq!(
        Mode::default(),
        Mode {
            read: true,
            write: true
        }
    );
    Ok(())
}

/// Its clones are the cache that its functions know; tests of other things have caches of their own.
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("face").build().unwrap());

#[cache_fn(cache = CACHE, ttl = "5m")]
pub async fn rate(#[cache_skip] db: &Db, code: &str) -> Result<f64, DbError> {
    db.calls.fetch_add(1, Ordering::SeqCst);
    if code.is_empty() {
        return Err(DbError);
    }
    Ok(code.len() as f64)
}

#[cache_impl(cache = CACHE, ttl = "5m", self_key = self.id)]
impl User {
    pub fn new(id: u64) -> Self {
        let name = format!("user {id}");
        Self { id, name }
    }

    pub async fn by_email(#[cache_skip] db: &Db, email: &str) -> Result<Option<User>, DbError> {
        db.calls.fetch_add(1, Ordering::SeqCst);
        Ok(email.contains('@').then(|| User::new(1)))
    }

    pub async fn orders(&self, #[cache_skip] db: &Db, n: u64) -> u64 {
        db.calls.fetch_add(1, Ordering::SeqCst);
        self.total(db).await + n
    }

    pub async fn total(&self, #[cache_skip] db: &Db) -> u64 {
        db.calls.fetch_add(1, Ordering::SeqCst);
        self.id * 100
    }

    #[nocache]
    #[invalidates(total(), orders(..), by_email(email))]
    pub async fn change(&mut self, email: &str) -> Result<(), DbError> {
        if email.is_empty() {
            return Err(DbError);
        }
        Ok(())
    }
}

#[tokio::test]
async fn functions_have_the_face_of_the_design() -> Result<(), Box<dyn std::error::Error>> {
    let db = Db::default();
    let calls = || db.calls.swap(0, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(is_send(rate(&db, "EUR")).await, Ok(3.0));
    }
    assert_eq!(calls(), 1);
    assert_eq!(is_send(rate::uncached(&db, "EUR")).await, Ok(3.0));
    assert_eq!(calls(), 1);
    assert_eq!(rate(&db, "").await, Err(DbError));
    let entry = rate::entry("EUR");
    assert_eq!(entry.peek().await?, Some(3.0));
    assert!(is_send(entry.invalidate()).await?);
    assert_eq!(rate::entry("EUR").refresh(&db).await, Ok(3.0));
    is_send(rate::all().invalidate()).await?;
    assert_eq!(rate::entry("EUR").peek().await?, None);
    Ok(())
}

#[tokio::test]
async fn blocks_in_place_have_the_face_of_the_design() -> Result<(), Box<dyn std::error::Error>> {
    let db = Db::default();
    let calls = || db.calls.swap(0, Ordering::SeqCst);
    for _ in 0..2 {
        let user = is_send(User::by_email(&db, "a@b")).await.unwrap();
        assert_eq!(user, Some(User::new(1)));
    }
    assert_eq!(calls(), 1);
    let [mut one, other] = [User::new(1), User::new(2)];
    for _ in 0..2 {
        assert_eq!(is_send(one.orders(&db, 3)).await, 103);
        assert_eq!(one.total(&db).await, 100, "known from inside of `orders`");
    }
    assert_eq!(calls(), 2);
    assert_eq!(other.orders(&db, 3).await, 203, "another `self_key`");
    assert_eq!(calls(), 2);

    assert!(CachedUser::entry_of(&one).orders(3).invalidate().await?);
    assert_eq!(CachedUser::entry_of(&one).orders(3).peek().await?, None);
    assert_eq!(
        CachedUser::entry_of(&other).orders(3).peek().await?,
        Some(203)
    );
    let entry = CachedUser::entry().by_email("a@b");
    assert_eq!(entry.peek().await?, Some(Some(User::new(1))));
    CachedUser::all().orders().invalidate().await?;
    assert_eq!(CachedUser::entry_of(&other).orders(3).peek().await?, None);

    assert_eq!(one.change("").await, Err(DbError));
    assert_eq!(CachedUser::entry_of(&one).total().peek().await?, Some(100));
    is_send(one.change("a@b")).await.unwrap();
    assert_eq!(CachedUser::entry_of(&one).total().peek().await?, None);
    assert_eq!(
        CachedUser::entry_of(&other).total().peek().await?,
        Some(200)
    );
    assert_eq!(CachedUser::entry().by_email("a@b").peek().await?, None);
    Ok(())
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

#[tokio::test]
async fn invalidation_works_as_designed() -> Result<(), Box<dyn std::error::Error>> {
    fn report(lost: &LostInvalidation) {
        panic!("nothing is lost here: {lost:?}");
    }

    let cache = Cache::builder("shop")
        .invalidation_queue(100)
        .on_lost_invalidation(report)
        .build()?;
    let repo = UserRepo::new(Arc::default()).cached(&cache);
    let entry = repo.entry().find(42);
    let token: EntryToken = is_send(entry.begin()).await?;
    let user = User {
        id: 42,
        name: "Ann".to_owned(),
    };
    let stored: bool = is_send(entry.put_if_current(&user, token)).await?;
    assert!(stored);
    let inspection: Option<Inspection> = is_send(entry.inspect()).await?;
    let Inspection {
        stored_at,
        expires_in,
        size,
        codec,
        cost,
        build,
        ..
    } = inspection.unwrap();
    assert!(stored_at.elapsed()? < Duration::from_secs(60));
    assert!(expires_in <= Some(Duration::from_secs(300)) && size > 0);
    assert!(matches!(codec, Codec::Cbor) && cost < Duration::from_secs(60));
    assert!(!build.is_empty());

    let rename = cache.after_commit(async {
        repo.rename(42, "Anna").await?;
        assert!(!repo.entry().find(42).invalidate().await.unwrap());
        repo.all().search().invalidate().await.unwrap();
        Ok::<_, DbError>("committed")
    });
    assert_eq!(is_send(rename).await, Ok("committed"));
    assert!(entry.peek().await?.is_none());

    let entry = repo.entry().tax_rate("de");
    let token = entry.begin()?;
    assert!(entry.put_if_current(&0.19, token)?);
    assert!(entry.inspect()?.is_some());
    let failed = cache.after_commit_sync(|| {
        assert!(!entry.invalidate().unwrap());
        Err::<(), _>(DbError)
    });
    assert_eq!(failed, Err(DbError));
    assert_eq!(entry.peek()?, Some(0.19));
    let stats = cache.stats();
    assert_eq!((stats.queued, stats.lost), (0, 0));
    cache.close().await;
    Ok(())
}
