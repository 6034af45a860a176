use redis_func_cache::cache_impl;

trait Join {
    fn join(&self, other: &Self) -> u64;
}

struct Repo {
    id: u64,
}

#[cache_impl]
impl Join for Repo {
    fn join(&self, other: &Self) -> u64 {
        self.id + other.id
    }
}

fn main() {}
