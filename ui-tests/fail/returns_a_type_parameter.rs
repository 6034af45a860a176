use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Default + Into<u64>>(&self) -> Vec<T> {
        vec![]
    }
}

fn main() {}
