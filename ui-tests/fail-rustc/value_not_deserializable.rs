use redis_func_cache::cache_impl;

#[derive(serde::Serialize)]
struct User {
    id: u64,
}

struct Repo;

#[cache_impl]
impl Repo {
    fn find(&self, id: u64) -> User {
        User { id }
    }
}

fn main() {}
