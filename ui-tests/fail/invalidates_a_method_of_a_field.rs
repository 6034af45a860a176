use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(self.orders.of(id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
