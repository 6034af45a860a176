use redis_func_cache::cache_impl;

struct View<'v>(&'v str);

#[cache_impl(ttl = "5m", stale = "10m")]
impl View<'_> {
    async fn find(&self, id: usize) -> usize {
        id + self.0.len()
    }
}

fn main() {}
