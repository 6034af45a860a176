use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct User;

#[cache_impl(cache = CACHE)]
impl User {
    fn new(_id: u64) -> Self {
        Self
    }

    async fn by_id(id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(new(id))]
    async fn rename(id: u64) -> u64 {
        id
    }
}

fn main() {}
