use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(codec = "json")]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
