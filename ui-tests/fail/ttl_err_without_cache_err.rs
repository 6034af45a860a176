use redis_func_cache::cache_impl;

struct Repo;

#[derive(serde::Serialize, serde::Deserialize)]
struct Gone;

#[cache_impl]
impl Repo {
    #[cache(ttl_err = "10s")]
    async fn find(&self, id: u64) -> Result<u64, Gone> {
        Ok(id)
    }
}

fn main() {}
