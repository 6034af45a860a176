use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, name: impl AsRef<str>) -> Option<usize> {
        Some(name.as_ref().len())
    }

    #[cache(batch = names, shares = find)]
    async fn find_many(&self, names: &[String]) -> HashMap<String, usize> {
        names.iter().map(|name| (name.clone(), name.len())).collect()
    }
}

fn main() {}
