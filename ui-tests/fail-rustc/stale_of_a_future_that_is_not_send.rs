use std::cell::Cell;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl = "5m", stale = "10m")]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        let cell = Cell::new(id);
        let by = &cell;
        std::future::ready(()).await;
        by.get()
    }
}

fn main() {}
