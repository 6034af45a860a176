use redis_func_cache::cache_impl;

struct Repo;

fn tags_of(_: &String) -> redis_func_cache::Tags {
    redis_func_cache::Tags::new()
}

#[cache_impl]
impl Repo {
    #[cache(tags_fn = tags_of)]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
