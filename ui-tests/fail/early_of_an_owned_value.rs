use redis_func_cache::cache_impl;

trait Counter {
    fn next(&mut self) -> u64;
    fn look(&mut self, id: u64) -> u64;
}

struct Repo;

#[cache_impl(ttl = "5m")]
impl Counter for Repo {
    fn next(&mut self) -> u64 {
        1
    }

    #[cache(early = 0.9)]
    fn look(&mut self, id: u64) -> u64 {
        id
    }
}

fn main() {}
