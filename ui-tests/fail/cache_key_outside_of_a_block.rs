use redis_func_cache::cache_key;

#[cache_key(id)]
fn find(id: u64) -> u64 {
    id
}

fn main() {
    find(1);
}
