use redis_func_cache::cache_impl;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    email: String,
}

struct Group(u64);

struct Repo;

#[cache_impl]
impl Repo {
    async fn in_group(&self, group: u64, email: &str) -> usize {
        group as usize + email.len()
    }

    #[nocache]
    #[invalidates(in_group(group.0, &ok.email))]
    async fn create(&self, group: Group, email: String) -> User {
        drop(group);
        User { email }
    }
}

fn main() {}
