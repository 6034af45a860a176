use redis_func_cache::cache_impl;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    email: String,
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(by_email(ok.email.len()))]
    async fn create(&self, email: String) -> Result<User, String> {
        Ok(User { email })
    }
}

fn main() {}
