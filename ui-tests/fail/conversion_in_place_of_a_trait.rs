use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

trait Names {
    fn joined<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String;
}

struct Repo;

#[cache_impl(cache = CACHE, self_key = ())]
impl Names for Repo {
    fn joined<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        names.into_iter().collect()
    }
}

fn main() {}
