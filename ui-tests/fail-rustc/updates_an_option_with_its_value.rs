use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    async fn maybe(&self, id: u64) -> Option<String> {
        Some(id.to_string())
    }

    #[nocache]
    #[updates(maybe(id))]
    async fn rename(&self, id: u64) -> String {
        id.to_string()
    }
}

fn main() {}
