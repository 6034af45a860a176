use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache]
    fn new() -> Self {
        Self
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
