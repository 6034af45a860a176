use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn exists(&self, id: u64) -> Vec<Option<()>> {
        vec![(id > 0).then_some(())]
    }
}

fn main() {}
