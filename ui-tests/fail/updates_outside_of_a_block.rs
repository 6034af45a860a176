use redis_func_cache::updates;

struct Repo;

impl Repo {
    #[updates(find(id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
