use redis_func_cache::cache_impl;

struct Repo;

struct Users;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> Users {
        let _ = ids;
        Users
    }
}

fn main() {}
