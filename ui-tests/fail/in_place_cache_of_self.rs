use redis_func_cache::{Cache, cache_impl};

struct User {
    cache: Cache,
}

#[cache_impl(cache = self.cache, self_key = ())]
impl User {
    async fn by_id(id: u64) -> u64 {
        id
    }

    async fn orders(&self, n: u64) -> u64 {
        n
    }
}

fn main() {}
