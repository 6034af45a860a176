use redis_func_cache::cache_impl;

struct Repo;

fn tags_of(user: &u64) -> String {
    user.to_string()
}

#[cache_impl]
impl Repo {
    #[cache(tags_fn = tags_of)]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
