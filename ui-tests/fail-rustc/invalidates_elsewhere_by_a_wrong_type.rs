use redis_func_cache::cache_impl;

struct Orders;

#[cache_impl]
impl Orders {
    async fn of(&self, user: u64) -> u64 {
        user
    }
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(Orders::of(name))]
    async fn rename(&self, id: u64, name: String) -> u64 {
        id + name.len() as u64
    }
}

fn main() {}
