use redis_func_cache::cache_impl;

pub struct Repo;

pub trait Users {
    fn find(&self, id: u64) -> u64;
    fn name(&self, id: u64) -> String;
}

#[cache_impl]
impl Repo {
    pub fn find(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    pub fn name(&self, id: u64) -> String {
        id.to_string()
    }
}

#[cache_impl(wrapper = CachedRepo)]
impl Users for Repo {
    fn find(&self, id: u64) -> u64 {
        self.find(id)
    }

    fn name(&self, id: u64) -> String {
        self.name(id)
    }
}

fn main() {}
