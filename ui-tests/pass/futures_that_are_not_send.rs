#![deny(warnings)]

use std::cell::Cell;
use std::rc::Rc;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Repo(Rc<Cell<u8>>);

#[cache_impl(self_key = ())]
impl Repo {
    async fn find(&self, id: u8) -> Result<u8, Rc<str>> {
        let by = Rc::clone(&self.0);
        std::future::ready(()).await;
        by.set(by.get() + id);
        Ok(by.get())
    }
    async fn skips(&self, #[cache_skip] by: Rc<u8>, id: &str) -> u8 {
        std::future::ready(()).await;
        *by + u8::from(id.is_empty())
    }
    #[cache]
    fn sync(&self, #[cache_skip] by: &Cell<u8>) -> u8 {
        by.get()
    }
    fn future(&self, id: u8) -> impl Future<Output = u8> {
        let by = Rc::clone(&self.0);
        async move { by.get() + id }
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo(Rc::default()).cached(&cache);
    for _ in 0..2 {
        assert_eq!(repo.find(1).await, Ok(1));
        assert_eq!(repo.skips(Rc::new(1), "").await, 2);
        assert_eq!(repo.sync(&Cell::new(3)), 3);
        assert_eq!(repo.future(1).await, 2);
    }
    assert_eq!(repo.entry().find(2).refresh().await, Ok(3));
    assert_eq!(repo.entry().skips("a").refresh(Rc::new(5)).await, 5);
}
