use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct User {
    seen: u64,
}

#[cache_impl(cache = CACHE, self_key = ())]
impl User {
    async fn by_id(id: u64) -> u64 {
        id
    }

    fn visits(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
}

fn main() {}
