use redis_func_cache::cache_impl;

unsafe trait Users {
    fn find(&self, id: u64) -> u64;
}

struct Repo;

#[cache_impl]
unsafe impl Users for Repo {
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
