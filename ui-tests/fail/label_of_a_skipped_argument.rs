use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(label = "{tenant}/{id}")]
    async fn find(&self, #[cache_skip] tenant: u64, id: u64) -> u64 {
        tenant + id
    }
}

fn main() {}
