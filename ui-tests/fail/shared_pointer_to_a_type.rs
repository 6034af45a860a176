use std::sync::Arc;

use redis_func_cache::cache_impl;

trait Users {
    fn find(&self, id: u64) -> u64;
}

struct Repo;

#[cache_impl]
impl Users for Arc<Repo> {
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
