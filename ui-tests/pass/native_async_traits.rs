#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

trait Users {
    fn find(&self, id: u64) -> impl Future<Output = Result<String, u8>> + Send;
    fn look(&self, id: &str) -> impl Future<Output = usize> + Send;
    #[allow(async_fn_in_trait)]
    async fn search(&self, by: &str, term: &str) -> usize;
}

struct Db {
    by: u64,
}

#[cache_impl(self_key = ())]
impl Users for Db {
    async fn find(&self, id: u64) -> Result<String, u8> {
        (id > 0).then(|| format!("user {id}")).ok_or(1)
    }
    fn look(&self, id: &str) -> impl Future<Output = usize> + Send {
        async move { id.len() }
    }
    async fn search(&self, #[cache_skip] by: &str, term: &str) -> usize {
        by.len() + term.len()
    }
}

#[cache_impl(wrapper = CachedDb, self_key = ())]
impl Db {
    /// Borrows `self`, as `impl Future` does since edition 2024.
    fn borrows(&self, id: u64) -> impl Future<Output = u64> + Send {
        async move { self.by + id }
    }
    fn owns(&self, id: u64) -> impl Future<Output = Result<u64, u8>> + Send + use<> {
        let by = self.by;
        async move { Ok(by + id) }
    }
    fn qualified(&self, #[cache_skip] by: &u64) -> impl std::future::Future<Output = u64> + Send {
        let sum = self.by + by;
        async move { sum }
    }
    #[nocache]
    #[invalidates(borrows(id))]
    fn forget(&self, id: u64) -> impl Future<Output = Result<(), u8>> + Send {
        async move { (id > 0).then_some(()).ok_or(0) }
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

async fn generic(users: &(impl Users + Sync)) -> usize {
    let found = is_send(users.find(1)).await.unwrap().len();
    found + is_send(users.look("ab")).await + users.search("a", "b").await
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let db = Db { by: 1 }.cached(&cache);
    for _ in 0..2 {
        assert_eq!(generic(&db).await, 10);
        assert_eq!(is_send(db.borrows(1)).await, 2);
        assert_eq!(is_send(db.owns(1)).await, Ok(2));
        assert_eq!(is_send(db.qualified(&1)).await, 2);
        // Spawned: the future owns what it needs.
        assert_eq!(tokio::spawn(db.owns(1)).await.unwrap(), Ok(2));
    }
    assert_eq!(cache.stats().hit, 8);
    assert_eq!(is_send(db.entry().borrows(2).refresh()).await, 3);
    assert_eq!(is_send(db.entry().qualified().refresh(&2)).await, 3);
    assert_eq!(is_send(db.entry().look("abc").refresh()).await, 3);
    is_send(db.forget(2)).await.unwrap();
    assert_eq!(db.entry().borrows(2).peek().await.unwrap(), None);
}
