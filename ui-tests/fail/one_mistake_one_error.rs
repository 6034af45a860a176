use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(wrapper = RepoCache)]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
    async fn name(&self) -> &str {
        "name"
    }
    #[nocache]
    #[invalidates(find(id), name())]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

async fn uses(repo: RepoCache) -> u64 {
    let _ = (Repo.name().await, repo.name().await);
    repo.entry().find(1).refresh().await + repo.find(1).await + repo.rename(2).await
}

fn main() {}
