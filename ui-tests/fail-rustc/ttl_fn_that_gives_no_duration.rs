use redis_func_cache::cache_impl;

struct Repo;

impl Repo {
    fn life(id: &u64) -> u64 {
        *id
    }
}

#[cache_impl]
impl Repo {
    #[cache(ttl_fn = Self::life)]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
