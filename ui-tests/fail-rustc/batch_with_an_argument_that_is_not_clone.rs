use redis_func_cache::cache_impl;

struct Repo;

struct Context;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64], #[cache_skip] context: Context) -> Vec<u64> {
        drop(context);
        ids.to_vec()
    }
}

fn main() {}
