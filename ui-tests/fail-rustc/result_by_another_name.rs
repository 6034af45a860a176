use redis_func_cache::cache_impl;
use serde::Serialize;
use serde::de::DeserializeOwned;

type Fallible<T> = Result<T, serde_json::Error>;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<T: Serialize + DeserializeOwned>(&self, json: &str) -> Fallible<T> {
        serde_json::from_str(json)
    }
}

fn main() {}
