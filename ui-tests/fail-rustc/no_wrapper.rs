use redis_func_cache::{Cache, CacheExt as _};

struct Repo;

fn wraps(cache: &Cache) {
    let _ = Repo.cached(cache);
}

fn main() {}
