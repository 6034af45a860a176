use redis_func_cache::cache_impl;

struct Body(u64);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, body: impl Into<Body>) -> u64 {
        body.into().0
    }
}

fn main() {}
