use redis_func_cache::cache_impl;

trait Users {
    fn find(&self) -> u64;
}

#[cache_impl]
impl Users for (u8, u8) {
    fn find(&self) -> u64 {
        1
    }
}

fn main() {}
