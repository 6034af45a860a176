use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[updates(each find(ids))]
    async fn rename(&self, ids: &[u64]) -> u64 {
        ids.len() as u64
    }
}

fn main() {}
