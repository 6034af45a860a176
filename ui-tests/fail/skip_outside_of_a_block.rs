use redis_func_cache::cache_skip;

#[cache_skip]
fn find(id: u64) -> u64 {
    id
}

fn main() {
    find(1);
}
