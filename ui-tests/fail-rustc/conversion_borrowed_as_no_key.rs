use redis_func_cache::cache_impl;

struct Body(u64);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<B>(&self, body: Option<B>) -> u64
    where
        B: AsRef<Body>,
    {
        body.map_or(0, |body| body.as_ref().0)
    }
}

fn main() {}
