use redis_func_cache::cache_impl;

#[cache_impl]
mod users {}

fn main() {}
