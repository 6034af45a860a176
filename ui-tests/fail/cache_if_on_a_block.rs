use redis_func_cache::cache_impl;

struct Repo;

fn is_complete(id: &u64) -> bool {
    *id > 0
}

#[cache_impl(cache_if = is_complete)]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
