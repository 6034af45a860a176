use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(by_email(&ok.email))]
    async fn delete(&self, id: u64) -> Result<(), String> {
        Err(id.to_string())
    }
}

fn main() {}
