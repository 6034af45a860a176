use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn find(&self) -> u64;
}

fn main() {}
