#![deny(warnings)]
//! `only(…)` names the methods that are cached, `skip(…)` the arguments that are not in the key.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

/// Not `Serialize`.
struct Conn;
struct State<T>(T);

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

// A name that would be questioned, and an argument that is in some of the methods alone.
#[cache_impl(only(find, update_log, list,), skip(conn, opctx), self_key = (), ttl = "5m")]
impl Repo {
    fn new() -> Self {
        Self::default()
    }

    fn ran(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    async fn find(&self, conn: &mut Conn, id: u64) -> u64 {
        let _ = conn;
        self.ran() + id
    }

    async fn update_log(&self, opctx: &Conn, conn: &Conn) -> u64 {
        let _ = (opctx, conn);
        self.ran()
    }

    #[cache(ttl = "1m")]
    fn list(&self, State(opctx): State<&Conn>) -> u64 {
        let _ = opctx;
        self.ran()
    }

    async fn insert(&self, conn: &Conn, id: u64) -> u64 {
        let _ = conn;
        self.ran() + id
    }

    #[nocache]
    #[invalidates(find(id))]
    async fn remove(&self, id: u64) -> u64 {
        id
    }
}

#[async_trait]
trait Users {
    async fn by_name(&self, conn: &Conn, name: &str) -> u64;
    async fn create(&self, conn: &Conn, name: &str) -> u64;
}

#[cache_impl(only(by_name), skip(conn), wrapper = CachedRepo)]
#[async_trait]
impl Users for Repo {
    async fn by_name(&self, conn: &Conn, name: &str) -> u64 {
        let _ = (conn, name);
        self.ran()
    }
    async fn create(&self, conn: &Conn, name: &str) -> u64 {
        let _ = (conn, name);
        self.ran()
    }
}

static RUNS: AtomicU64 = AtomicU64::new(0);

struct User;

#[cache_impl(cache = CACHE, only(by_id, new_ones), skip(db))]
impl User {
    async fn by_id(db: &Conn, id: u64) -> u64 {
        let _ = db;
        RUNS.fetch_add(1, Ordering::SeqCst) + id
    }
    // Named, so that it counts as no constructor.
    fn new_ones(db: &Conn) -> u64 {
        let _ = db;
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
    fn other(db: &Conn) -> u64 {
        let _ = db;
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
}

#[cache_fn(cache = CACHE, skip(db, pool))]
async fn rate(db: &Conn, State(pool): State<&Conn>, code: &str) -> u64 {
    let _ = (db, pool, code);
    RUNS.fetch_add(1, Ordering::SeqCst)
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo::new().cached(&cache);
    let mut conn = Conn;
    assert_eq!(
        (repo.find(&mut conn, 1).await, repo.find(&mut conn, 1).await),
        (1, 1)
    );
    assert_eq!(
        (
            repo.update_log(&conn, &conn).await,
            repo.update_log(&conn, &conn).await
        ),
        (1, 1)
    );
    assert_eq!((repo.list(State(&conn)), repo.list(State(&conn))), (2, 2));
    assert_eq!(
        (repo.insert(&conn, 0).await, repo.insert(&conn, 0).await),
        (3, 4)
    );
    assert_eq!(repo.remove(1).await, 1);
    assert_eq!(repo.find(&mut conn, 1).await, 6);
    assert_eq!(repo.entry().find(1).peek().await.unwrap(), Some(6));
    assert_eq!(repo.entry().list().refresh(State(&conn)), 6);
    assert_eq!(
        (
            repo.by_name(&conn, "a").await,
            repo.by_name(&conn, "a").await
        ),
        (7, 7)
    );
    assert_eq!(
        (repo.create(&conn, "a").await, repo.create(&conn, "a").await),
        (8, 9)
    );

    assert_eq!(
        (User::by_id(&conn, 0).await, User::by_id(&conn, 0).await),
        (0, 0)
    );
    assert_eq!((User::new_ones(&conn), User::new_ones(&conn)), (1, 1));
    assert_eq!((User::other(&conn), User::other(&conn)), (2, 3));
    assert_eq!(
        (
            rate(&conn, State(&conn), "a").await,
            rate(&conn, State(&conn), "a").await
        ),
        (4, 4)
    );
    assert_eq!(rate::entry("a").refresh(&conn, State(&conn)).await, 5);
}
