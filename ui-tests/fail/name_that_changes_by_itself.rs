use redis_func_cache::cache_impl;

pub struct Queue;

#[cache_impl]
impl Queue {
    pub fn now(&self) -> u64 {
        1
    }

    pub fn is_connected(&self) -> bool {
        true
    }

    pub fn len(&self) -> usize {
        1
    }

    #[cache(ttl = "1s")]
    pub fn status(&self) -> u8 {
        1
    }

    pub fn status_of(&self, job: u64) -> u64 {
        job
    }
}

fn main() {}
