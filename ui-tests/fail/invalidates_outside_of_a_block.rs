use redis_func_cache::invalidates;

struct Repo;

impl Repo {
    #[invalidates]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
