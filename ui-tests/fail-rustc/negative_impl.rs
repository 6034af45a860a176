use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl !Send for Repo {}

fn main() {}
