use redis_func_cache::cache_impl;

#[cache_impl]
enum Repo {
    Memory,
}

fn main() {}
