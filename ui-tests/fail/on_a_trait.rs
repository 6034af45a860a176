use redis_func_cache::cache_impl;

#[cache_impl]
trait Users {
    async fn find(&self, id: u64) -> u64;
}

fn main() {}
