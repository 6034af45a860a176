use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Db;

#[cache_fn(cache = CACHE, skip(bd))]
async fn rate(db: &Db, code: &str) -> usize {
    let _ = db;
    code.len()
}

fn main() {}
