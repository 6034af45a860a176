use redis_func_cache::cache_impl;

type BoxStream<'a, T> = std::pin::Pin<Box<dyn Stream<T> + Send + 'a>>;
trait Stream<T> {}
impl<T> Stream<T> for () {}

struct Repo;

#[cache_impl]
impl Repo {
    async fn all(&self) -> BoxStream<'static, u64> {
        Box::pin(())
    }
}

fn main() {}
