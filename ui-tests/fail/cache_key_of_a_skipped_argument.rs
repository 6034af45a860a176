use redis_func_cache::cache_impl;

struct Ctx {
    page: u64,
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(
        &self,
        #[cache_key(page.min(ctx.page))] page: u64,
        #[cache_skip] ctx: &Ctx,
    ) -> u64 {
        page.min(ctx.page)
    }
}

fn main() {}
