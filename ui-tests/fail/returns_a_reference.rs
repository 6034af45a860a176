use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn name(&self) -> &str {
        "name"
    }
}

fn main() {}
