use redis_func_cache::{Cache, cache_fn};

static CACHE: std::sync::LazyLock<Cache> =
    std::sync::LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[cache_fn(cache = CACHE, batch = ids, shares = find)]
async fn find_many(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {}
