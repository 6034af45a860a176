#![deny(warnings)]
//! Two types of one generic repository are two repositories: their entries never mix.

use std::fmt::Debug;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

trait Db {
    const NAME: &'static str;
}
struct Postgres;
struct Sqlite;
impl Db for Postgres {
    const NAME: &'static str = "postgres";
}
impl Db for Sqlite {
    const NAME: &'static str = "sqlite";
}

struct Repo<D, T = u8> {
    _db: D,
    found: T,
}

#[cache_impl(self_key = ())]
impl<D: Db, T> Repo<D, T>
where
    T: Clone + Debug,
{
    fn name(&self, id: u64) -> String {
        format!("{} {id} {:?}", D::NAME, self.found)
    }

    async fn find<K: serde::Serialize + Debug>(&self, key: K) -> Result<String, T> {
        if format!("{key:?}") == "0" {
            return Err(self.found.clone());
        }
        Ok(format!("{key:?} in {}", D::NAME))
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let postgres = Repo {
        _db: Postgres,
        found: 1,
    }
    .cached(&cache);
    let sqlite: CachedRepo<Sqlite, u8> = Repo {
        _db: Sqlite,
        found: 2,
    }
    .cached(&cache);
    for _ in 0..2 {
        assert_eq!(postgres.name(7), "postgres 7 1");
        assert_eq!(sqlite.name(7), "sqlite 7 2");
        assert_eq!(postgres.find(7).await.unwrap(), "7 in postgres");
        assert_eq!(sqlite.find("a").await.unwrap(), "\"a\" in sqlite");
        assert_eq!(sqlite.find(0).await, Err(2));
    }
    assert_eq!(cache.stats().hit, 4);
    assert!(postgres.entry().name(7).peek().unwrap().is_some());
    assert!(sqlite.entry().find("a").peek().await.unwrap().is_some());
    assert_eq!(
        sqlite.entry().find("b").refresh().await.unwrap(),
        "\"b\" in sqlite"
    );
}
