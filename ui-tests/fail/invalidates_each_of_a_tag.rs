use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(each tag(user = id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
