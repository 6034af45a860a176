use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn in_group(&self, group: &str, email: &str) -> usize {
        group.len() + email.len()
    }

    #[nocache]
    #[invalidates(each in_group(ok.iter(), ok.iter()))]
    async fn create(&self, email: String) -> Vec<String> {
        vec![email]
    }
}

fn main() {}
