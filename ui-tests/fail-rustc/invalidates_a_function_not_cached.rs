use redis_func_cache::cache_impl;

fn rate(id: u64) -> u64 {
    id
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(crate::rate(id))]
    async fn rename(&self, id: u64, name: String) -> u64 {
        id + name.len() as u64
    }
}

fn main() {}
