use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

struct Repo;

#[cache_impl(cache = CACHE)]
impl Repo {
    #[cache(tags(tenant = self.tenant))]
    async fn find(user: u64) -> u64 {
        user
    }
}

fn main() {}
