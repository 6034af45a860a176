//! The crate that is compiled: repositories with ten methods each, as services have them.

use std::fmt::Write as _;
use std::path::Path;

pub const NAME: &str = "compile-cost";
/// Of each repository.
pub const METHODS: usize = 10;

pub fn manifest(root: &Path) -> String {
    format!(
        r#"[package]
name = "{NAME}"
version = "0.0.0"
edition = "2024"

[features]
cached = []

[dependencies]
redis-func-cache = {{ path = "{}" }}
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["rt", "macros"] }}

[profile.release]
strip = true

[workspace]
"#,
        root.display()
    )
}

pub fn module(number: usize) -> String {
    format!("repository_{number}")
}

pub fn main(types: usize) -> String {
    let mut text = String::from(
        "mod db;\n\nuse db::{Db, Once};\nuse redis_func_cache::{Cache, CacheExt as _};\n\n",
    );
    for number in 0..types {
        let _ = writeln!(text, "mod {};", module(number));
    }
    text.push_str(MAIN);
    for number in 0..types {
        let module = module(number);
        let _ = writeln!(text, "    sum += {module}::call_all(&db, &cache).await;");
    }
    text.push_str("    println!(\"{sum}\");\n}\n");
    text
}

const MAIN: &str = r#"
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cache = Cache::builder("compile-cost").build().unwrap();
    let db = Db::new();
    let once = Once::new(&db).cached(&cache);
    let mut sum = once.find(1).await.unwrap();
"#;

/// Stands for a client of a database: it waits, and gives rows.
pub const DATABASE: &str = r#"
use redis_func_cache::cache_impl;

#[derive(Debug, Clone)]
pub struct Db(u64);

#[derive(Debug)]
#[allow(dead_code)] // `Debug` shows it
pub struct DbError(pub String);

impl Db {
    pub fn new() -> Self {
        Self(std::env::args().count() as u64)
    }

    #[inline(never)]
    pub async fn rows(&self, table: &str, seed: u64) -> Result<Vec<u64>, DbError> {
        tokio::task::yield_now().await;
        if seed == u64::MAX {
            return Err(DbError(format!("no {table}")));
        }
        Ok((0..2).map(|row| row + seed + self.0).collect())
    }
}

/// Cached in any case: what the library costs once is no cost of the others.
pub struct Once(Db);

#[cache_impl]
impl Once {
    pub async fn find(&self, id: u64) -> Result<u64, DbError> {
        Ok(self.0.rows("once", id).await?.len() as u64)
    }
}

impl Once {
    pub fn new(db: &Db) -> Self {
        Self(db.clone())
    }
}
"#;

/// A value with eight fields, its repository, and a function that calls every method.
pub fn repository(number: usize) -> String {
    let (value, repository) = (format!("Value{number}"), format!("Repository{number}"));
    // No two structs are alike, so that nothing is shared that would not be in a service.
    let fields = [
        "pub name: String",
        "pub price_cents: u64",
        "pub stock: u32",
        "pub rating: f64",
        "pub tags: Vec<String>",
        "pub active: bool",
        "pub parent: Option<u64>",
    ];
    let rotated = fields
        .iter()
        .cycle()
        .skip(number % fields.len())
        .take(fields.len());
    let fields = rotated.copied().collect::<Vec<_>>().join(",\n    ");
    REPOSITORY
        .replace("$fields", &fields)
        .replace("$value", &value)
        .replace("$repository", &repository)
}

const REPOSITORY: &str = r#"
use crate::db::{Db, DbError};
#[cfg(feature = "cached")]
use redis_func_cache::{CacheExt as _, cache_impl};
use redis_func_cache::Cache;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct $value {
    pub id: u64,
    $fields,
}

impl From<u64> for $value {
    #[inline(never)]
    fn from(id: u64) -> Self {
        Self {
            id,
            name: format!("$value {id}"),
            price_cents: 100 * id,
            stock: 417,
            rating: 4.6,
            tags: vec!["lighting".into(), "office".into()],
            active: true,
            parent: id.checked_sub(1),
        }
    }
}

pub struct $repository {
    db: Db,
}

#[cfg_attr(feature = "cached", cache_impl)]
impl $repository {
    pub async fn find(&self, id: u64) -> Result<$value, DbError> {
        let rows = self.db.rows("find $value", id).await?;
        rows.first().map(|&row| $value::from(row)).ok_or_else(|| DbError("nothing".into()))
    }

    pub async fn get(&self, id: u64) -> Option<$value> {
        let rows = self.db.rows("get $value", id).await.ok()?;
        rows.first().map(|&row| $value::from(row))
    }

    pub async fn list(&self, page: u32, size: u32) -> Vec<$value> {
        let rows = self.db.rows("list $value", u64::from(page * size)).await;
        rows.unwrap_or_default().into_iter().map($value::from).collect()
    }

    pub async fn by_name(&self, name: &str) -> Result<Option<$value>, DbError> {
        let rows = self.db.rows(name, 3).await?;
        Ok(rows.first().map(|&row| $value::from(row)))
    }

    pub async fn search(&self, words: &str, limit: Option<u32>) -> Result<Vec<$value>, DbError> {
        let rows = self.db.rows(words, 4).await?;
        let most = limit.unwrap_or(10) as usize;
        Ok(rows.into_iter().take(most).map($value::from).collect())
    }

    pub async fn latest(&self) -> Result<$value, DbError> {
        let rows = self.db.rows("latest $value", 5).await?;
        rows.last().map(|&row| $value::from(row)).ok_or_else(|| DbError("nothing".into()))
    }

    pub async fn by_ids(&self, ids: &[u64]) -> Result<Vec<$value>, DbError> {
        let rows = self.db.rows("ids $value", ids.iter().sum()).await?;
        Ok(rows.into_iter().map($value::from).collect())
    }

    pub async fn parent_of(&self, id: u64, active: bool) -> Option<$value> {
        let rows = self.db.rows("parent $value", id + u64::from(active)).await.ok()?;
        rows.last().map(|&row| $value::from(row))
    }

    pub async fn tagged(&self, tag: String, limit: u32) -> Vec<$value> {
        let rows = self.db.rows(&tag, 7).await;
        rows.unwrap_or_default().into_iter().take(limit as usize).map($value::from).collect()
    }

    pub async fn count_of(&self, tag: &str, active: bool) -> Result<u64, DbError> {
        let rows = self.db.rows(tag, u64::from(active)).await?;
        Ok(rows.len() as u64)
    }
}

pub async fn call_all(db: &Db, _cache: &Cache) -> u64 {
    let repository = $repository { db: db.clone() };
    #[cfg(feature = "cached")]
    let repository = repository.cached(_cache);
    let mut sum = 0;
    sum += repository.find(1).await.unwrap().id;
    sum += repository.get(2).await.map_or(0, |value| value.id);
    sum += repository.list(3, 10).await.len() as u64;
    sum += repository.by_name("lamp").await.unwrap().map_or(0, |value| value.id);
    sum += repository.search("lamp", Some(7)).await.unwrap().len() as u64;
    sum += repository.latest().await.unwrap().id;
    sum += repository.by_ids(&[1, 2, 3]).await.unwrap().len() as u64;
    sum += repository.parent_of(1, true).await.map_or(0, |value| value.id);
    sum += repository.tagged("office".into(), 5).await.len() as u64;
    sum += repository.count_of("office", true).await.unwrap();
    sum
}
"#;
