#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(
        &self,
        key: u8,
        cache: u8,
        self_: u8,
        result: u8,
        inner: u8,
        writer: u8,
        core: u8,
    ) -> u8 {
        key + cache + self_ + result + inner + writer + core
    }

    fn look(
        &self,
        this: u8,
        call: u8,
        run: u8,
        wrapper: u8,
        method: u8,
        shape: u8,
        private: u8,
    ) -> u8 {
        this + call + run + wrapper + method + shape + private
    }

    async fn skips(&self, args: u8, #[cache_skip] run: u8, #[cache_skip] a: &u8, entry: &u8) -> u8 {
        args + run + a + entry
    }

    #[cache]
    fn refresh(&self, put: u8, #[cache_skip] parts: u8, peek: u8) -> u8 {
        put + parts + peek
    }

    fn future(&self, core: u8, dropped: u8) -> impl Future<Output = u8> + Send {
        async move { core + dropped }
    }

    #[nocache]
    #[invalidates(find(cache, inner, 1, 1, 1, 1, core))]
    async fn forget(&self, cache: u8, inner: u8, core: u8) -> u8 {
        cache + inner + core
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    for _ in 0..2 {
        assert_eq!(repo.find(1, 1, 1, 1, 1, 1, 1).await, 7);
        assert_eq!(repo.look(1, 1, 1, 1, 1, 1, 1), 7);
        assert_eq!(repo.skips(1, 1, &1, &1).await, 4);
        assert_eq!(repo.refresh(1, 1, 1), 3);
        assert_eq!(repo.future(1, 1).await, 2);
    }
    assert_eq!(cache.stats().hit, 5);
    assert_eq!(repo.entry().skips(1, &1).refresh(2, &3).await, 7);
    assert_eq!(repo.entry().refresh(1, 1).refresh(5), 7);
    assert_eq!(repo.entry().future(1, 1).refresh().await, 2);
    assert_eq!(repo.forget(1, 1, 1).await, 3);
    assert!(
        repo.entry()
            .find(1, 1, 1, 1, 1, 1, 1)
            .peek()
            .await
            .unwrap()
            .is_none()
    );
}
