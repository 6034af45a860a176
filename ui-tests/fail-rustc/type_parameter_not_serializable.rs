use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Into<u64>>(&self, id: T) -> u64 {
        id.into()
    }
}

fn main() {}
