use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn all(&self) -> Result<Box<dyn Iterator<Item = u64> + Send>, String> {
        Ok(Box::new(0..3))
    }
}

fn main() {}
