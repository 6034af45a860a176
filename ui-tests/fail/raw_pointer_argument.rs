use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn find(&self, at: *const u8) -> bool {
        at.is_null()
    }
}

fn main() {}
