mod facade {
    pub use redis_func_cache as caching;
}
use facade::caching::CacheExt as _;

struct Repo;

#[facade::caching::cache_impl(crate = facade::caching, wrapper = RepoCache, ttl = "5x")]
impl Repo {
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn uses(cache: &facade::caching::Cache) -> u64 {
    let repo: RepoCache = Repo.cached(cache);
    repo.find(1) + repo.entry().find(1).refresh()
}

fn main() {}
