use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn all(&self) -> impl Iterator<Item = u64> + use<> {
        0..3
    }
}

fn uses(repo: &CachedRepo) -> usize {
    repo.all().count()
}

fn main() {}
