use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn new(#[cache_skip] _id: u64) -> Self {
        Self
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
