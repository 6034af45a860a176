use redis_func_cache::cache_fn;

#[cache_fn(ttl = "5m")]
async fn rate(code: u64) -> u64 {
    code
}

fn main() {}
