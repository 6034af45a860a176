use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(label = "{ids}")]
    async fn find(&self, ids: Vec<u64>) -> u64 {
        ids.len() as u64
    }
}

fn main() {}
