use redis_func_cache::cache_impl;

trait Counter {
    fn next(&mut self) -> u64;
    fn look(&self) -> u64;
}

struct Repo;

#[cache_impl]
impl Counter for Repo {
    fn next(&mut self) -> u64 {
        1
    }

    fn look(&self) -> u64 {
        2
    }
}

fn uses(counter: &CachedRepo) -> u64 {
    counter.look()
}

fn main() {}
