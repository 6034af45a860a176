use redis_func_cache::cache_impl;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    email: String,
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn in_group(&self, group: &str, email: &str) -> usize {
        group.len() + email.len()
    }

    #[nocache]
    #[invalidates(in_group(group, &ok.email))]
    async fn create(&self, group: &mut String, email: String) -> User {
        group.push('a');
        User { email }
    }
}

fn main() {}
