use redis_func_cache::cache;

struct Repo;

impl Repo {
    #[cache]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
