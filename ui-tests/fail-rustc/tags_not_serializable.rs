use redis_func_cache::cache_impl;

struct User;

struct Repo {
    user: User,
}

#[cache_impl]
impl Repo {
    #[cache(tags(user = self.user))]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
