use redis_func_cache::cache_impl;

static NAME: &str = "x";

struct User;

#[cache_impl(cache = NAME)]
impl User {
    async fn by_id(id: u64) -> u64 {
        id
    }
}

fn main() {}
