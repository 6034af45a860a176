use redis_func_cache::cache_impl;

trait Tenant {
    fn tenant(&self) -> u64;
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, name: impl AsRef<str> + Tenant) -> u64 {
        name.tenant()
    }
}

fn main() {}
