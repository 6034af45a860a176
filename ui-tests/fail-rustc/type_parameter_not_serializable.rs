use redis_func_cache::cache_impl;

trait Named {}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Copy + Into<u64> + Named>(&self, id: T) -> u64 {
        id.into()
    }
}

fn main() {}
