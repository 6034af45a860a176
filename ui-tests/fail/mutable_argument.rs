use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, into: &mut Vec<u64>) -> u64 {
        into.push(1);
        1
    }
}

fn main() {}
