use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn next<'a>(self: &'a mut Self) -> u64 {
        1
    }
}

fn main() {}
