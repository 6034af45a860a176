use redis_func_cache::cache_impl;

macro_rules! generated {
    () => {
        fn look(&self) -> u64 {
            1
        }
    };
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    generated! {}
}

fn main() {}
