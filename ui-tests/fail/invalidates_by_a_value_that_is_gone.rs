use redis_func_cache::cache_impl;

trait Accounts {
    async fn email(&mut self, id: u64) -> u64;
    async fn close(self) -> u64;
}

struct Connection;

#[cache_impl(self_key = ())]
impl Accounts for Connection {
    #[cache]
    async fn email(&mut self, id: u64) -> u64 {
        id
    }

    #[invalidates(email(*ok))]
    async fn close(self) -> u64 {
        1
    }
}

fn main() {}
