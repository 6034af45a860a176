use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(tags(user = user))]
    async fn find(&self, user: u64) -> u64 {
        user
    }

    #[nocache]
    #[updates(tag(user = id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
