use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: impl std::fmt::Display) -> u64 {
        id.to_string().len() as u64
    }
}

fn main() {}
