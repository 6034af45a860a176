use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn notify(&self) -> impl Future<Output = ()> {
        async {}
    }
}

fn main() {}
