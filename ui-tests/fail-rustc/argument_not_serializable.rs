use redis_func_cache::cache_impl;

struct Ctx {
    id: u64,
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, ctx: &Ctx, id: u64) -> u64 {
        ctx.id + id
    }
}

fn main() {}
