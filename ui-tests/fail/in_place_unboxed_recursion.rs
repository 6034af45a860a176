use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Tree;

#[cache_impl(cache = CACHE, self_key = ())]
impl Tree {
    async fn depth(of: u64) -> u64 {
        if of == 0 {
            0
        } else {
            1 + Self::depth(of / 2).await
        }
    }

    async fn size(&self, of: u64) -> u64 {
        if of == 0 {
            0
        } else {
            1 + self.size(of / 2).await
        }
    }
}

fn main() {}
