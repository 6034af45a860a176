use redis_func_cache::cache_impl;

struct User {
    id: u64,
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Result<User, String> {
        Ok(User { id })
    }
}

fn main() {}
