use redis_func_cache::cache_impl;

#[cache_impl]
struct Repo;

fn main() {}
