use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

type BoxStream<'a, T> = std::pin::Pin<Box<dyn Stream<T> + Send + 'a>>;
trait Stream<T> {}
impl<T> Stream<T> for () {}

#[cache_fn(cache = CACHE)]
async fn rates(_up_to: u64) -> BoxStream<'static, u64> {
    Box::pin(())
}

fn main() {}
