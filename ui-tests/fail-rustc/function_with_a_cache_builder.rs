use redis_func_cache::{Cache, CacheBuilder, cache_fn};

fn settings() -> CacheBuilder {
    Cache::builder("x")
}

#[cache_fn(cache = settings())]
fn rate(code: u64) -> u64 {
    code
}

fn main() {}
