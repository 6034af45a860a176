use redis_func_cache::cache_impl;

pub struct Repo;

#[cache_impl(vis = "pub(crate)")]
impl Repo {
    pub fn find(&self) -> u64 {
        1
    }
}

fn main() {}
