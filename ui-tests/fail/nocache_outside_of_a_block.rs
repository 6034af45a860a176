use redis_func_cache::nocache;

struct Repo;

impl Repo {
    #[nocache]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
