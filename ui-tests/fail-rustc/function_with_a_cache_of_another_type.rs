use redis_func_cache::cache_fn;

static NAME: &str = "x";

#[cache_fn(cache = NAME)]
async fn rate(code: u64) -> u64 {
    code
}

fn main() {}
