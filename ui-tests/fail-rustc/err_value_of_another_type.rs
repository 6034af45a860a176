use redis_func_cache::cache_impl;

struct Repo;

#[derive(serde::Serialize, serde::Deserialize)]
struct Gone;

fn is_gone(_: &Gone) -> bool {
    true
}

fn zero() -> u64 {
    0
}

#[cache_impl]
impl Repo {
    #[cache(cache_err = is_gone, ttl_err = "10s", err_value = zero)]
    async fn find(&self, id: u64) -> Result<u64, Gone> {
        Ok(id)
    }
}

fn main() {}
