use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct User;

#[cache_impl(cache = CACHE)]
impl User {
    async fn by_id(id: u64) -> u64 {
        id
    }

    #[nocache]
    async fn count() -> u64 {
        1
    }

    #[nocache]
    #[invalidates(count())]
    async fn add(id: u64) -> u64 {
        id
    }
}

fn main() {}
