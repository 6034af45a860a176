use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn finish(self) -> u64 {
        1
    }
}

fn main() {}
