use redis_func_cache::cache_impl;

trait Make {
    fn make() -> Self;
    fn look(&self) -> u64;
}

struct Repo;

#[cache_impl]
impl Make for Repo {
    fn make() -> Self {
        Self
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
