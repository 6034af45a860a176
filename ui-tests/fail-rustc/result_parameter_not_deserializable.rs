use redis_func_cache::cache_impl;
use serde::Serialize;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Default + Serialize>(&self) -> Vec<T> {
        vec![]
    }
}

fn main() {}
