use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn next(&mut self) -> u64 {
        1
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
