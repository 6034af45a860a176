use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cache_fn(cache = CACHE)]
fn rate(code: u64) -> BoxFuture<'static, u64> {
    Box::pin(async move { code })
}

fn main() {}
