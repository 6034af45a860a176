#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    struct Repo {
        by: u8,
    }

    #[cache_impl(self_key = ())]
    impl Repo {
        async fn find(&self, id: u8) -> u8 {
            self.by + id
        }
        async fn skips(&self, #[cache_skip] id: &u8) -> u8 {
            self.by + id
        }
    }

    let cache = Cache::builder("x").build().unwrap();
    let repo: CachedRepo = Repo { by: 1 }.cached(&cache);
    assert_eq!((repo.find(1).await, repo.find(1).await), (2, 2));
    assert_eq!(repo.entry().skips().refresh(&1).await, 2);
    {
        struct Repo;

        #[cache_impl(self_key = ())]
        impl Repo {
            fn find(&self) -> u8 {
                9
            }
        }
        assert_eq!(Repo.cached(&cache).find(), 9);
    }
}
