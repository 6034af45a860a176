use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, tenant: u64, id: u64) -> Option<String> {
        Some((tenant + id).to_string())
    }

    #[nocache]
    #[invalidates(each find(tenant, ids))]
    async fn delete(&self, tenant: u64, ids: &[String]) -> usize {
        ids.len() + tenant as usize
    }
}

fn main() {}
