use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Result<Option<Option<u64>>, String> {
        Ok(Some(Some(id)))
    }
}

fn main() {}
