use redis_func_cache::cache_impl;

trait Users {
    fn find(&self) -> u64;
}

struct Repo;

#[cache_impl]
impl Users for &Repo {
    fn find(&self) -> u64 {
        1
    }
}

fn main() {}
