use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[impl AsRef<str>]) -> HashMap<String, usize> {
        ids.iter().map(|id| (id.as_ref().to_owned(), id.as_ref().len())).collect()
    }
}

fn main() {}
