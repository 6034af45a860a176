use redis_func_cache::cache_impl;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct QueryResult<T>(Vec<T>, usize);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Serialize + DeserializeOwned>(&self, of: &str) -> QueryResult<T> {
        QueryResult(vec![], of.len())
    }
}

fn main() {}
