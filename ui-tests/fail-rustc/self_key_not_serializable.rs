use redis_func_cache::cache_impl;

struct Tenant;

struct Repo {
    tenant: Tenant,
}

#[cache_impl(self_key = self.tenant)]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
