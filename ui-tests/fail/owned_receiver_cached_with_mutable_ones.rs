use redis_func_cache::cache_impl;

trait Job {
    fn run(&mut self) -> u64;
    fn finish(self) -> u64;
}

struct Repo;

#[cache_impl(only(run, finish))]
impl Job for Repo {
    fn run(&mut self) -> u64 {
        1
    }

    fn finish(self) -> u64 {
        1
    }
}

fn main() {}
