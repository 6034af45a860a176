use redis_func_cache::cache_impl;

struct Repo;

#[derive(PartialEq, Eq, Hash, serde::Serialize)]
struct Id(u64);

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[Id]) -> Vec<String> {
        ids.iter().map(|id| id.0.to_string()).collect()
    }
}

fn main() {}
