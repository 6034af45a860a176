use redis_func_cache::cache_impl;

pub struct Repo;

#[cache_impl]
impl Repo {
    pub async fn find(&self, id: u64) -> u64 {
        id
    }
}

#[cache_impl(ttl = "5m")]
impl Repo {
    pub async fn search(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(find(id), search(..))]
    pub async fn forget(&self, id: u64) -> u64 {
        id
    }
}

mod inside {
    pub struct Repo;

    // Another wrapper of the same name is no mistake.
    #[redis_func_cache::cache_impl]
    impl Repo {
        pub async fn find(&self, id: u64) -> u64 {
            id
        }
    }
}

pub struct Other;

#[cache_impl(wrapper = Second)]
impl Other {
    pub async fn search(&self, id: u64) -> u64 {
        id
    }
}

#[cache_impl]
impl Other {
    pub async fn look(&self, id: u64) -> u64 {
        id
    }
}

pub struct Of<T>(T);

#[cache_impl]
impl Of<u8> {
    pub async fn look(&self) -> u8 {
        1
    }
}

#[cache_impl]
impl Of<u16> {
    pub async fn look(&self) -> u16 {
        1
    }
}

pub async fn uses(repo: &CachedRepo) -> u64 {
    repo.entry().search(1).refresh().await + repo.forget(2).await
}

fn main() {}
