use redis_func_cache::cache_impl;

struct Repo;

fn is_complete(text: &String) -> bool {
    !text.is_empty()
}

#[cache_impl]
impl Repo {
    #[cache(cache_if = is_complete)]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
