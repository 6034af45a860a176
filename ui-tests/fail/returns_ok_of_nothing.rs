use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn notify(&self, id: u64) -> Result<(), String> {
        let _ = id;
        Ok(())
    }
}

fn main() {}
