use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, #[cache_key(id.into_bytes())] id: String) -> String {
        id
    }
}

fn main() {}
