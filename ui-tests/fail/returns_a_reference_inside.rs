use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn names(&self) -> Result<Vec<&'static str>, String> {
        Ok(vec![])
    }
}

fn main() {}
