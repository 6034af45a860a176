use redis_func_cache::{Cache, cache_fn};

struct Db {
    cache: Cache,
}

#[cache_fn(cache = db.cache)]
async fn rate(#[cache_skip] db: &Db, code: u64) -> u64 {
    code + db.cache.stats().hit
}

fn main() {}
