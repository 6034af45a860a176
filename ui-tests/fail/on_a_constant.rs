use redis_func_cache::cache_impl;

#[cache_impl]
const LIMIT: u64 = 3;

fn main() {}
