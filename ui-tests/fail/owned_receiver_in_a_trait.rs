use redis_func_cache::cache_impl;

trait Job {
    fn finish(self) -> u64;
    fn look(&self) -> u64;
}

struct Repo;

#[cache_impl]
impl Job for Repo {
    fn finish(self) -> u64 {
        1
    }

    fn look(&self) -> u64 {
        2
    }
}

fn main() {}
