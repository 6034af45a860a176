use redis_func_cache::cache_impl;

#[derive(Clone, Copy)]
struct Actor;
struct Ctx(Actor);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, #[cache_key(ctx.0)] ctx: Ctx) -> u64 {
        let _ = ctx;
        1
    }
}

fn main() {}
