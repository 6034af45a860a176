use redis_func_cache::cache_impl;

struct Conn;

struct Repo;

#[cache_impl(skip(con))]
impl Repo {
    async fn find(&self, conn: &Conn, id: u64) -> u64 {
        let _ = conn;
        id
    }

    async fn list(&self, conn: &Conn, id: u64) -> u64 {
        let _ = conn;
        id
    }
}

fn main() {}
