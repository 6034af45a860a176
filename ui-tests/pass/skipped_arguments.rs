#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Ctx<'c>(&'c str);
struct Pool<T>(T);

struct Repo;

#[cache_impl]
impl Repo {
    async fn all(&self, #[cache_skip] ctx: &Ctx<'_>, #[cache_skip] pool: Pool<&u8>) -> usize {
        ctx.0.len() + usize::from(*pool.0)
    }

    async fn generic<T: Sync, K: serde::Serialize + Send>(
        &self,
        #[cache_skip] pool: &Pool<T>,
        _key: K,
    ) -> usize {
        let _ = &pool.0;
        1
    }

    async fn named<'a, 'b: 'a>(&'a self, #[cache_skip] ctx: &'a Ctx<'b>, term: &'b str) -> String {
        format!("{}{term}", ctx.0)
    }

    async fn changed(
        &self,
        #[cache_skip] _ctx: &Ctx<'_>,
        #[cache_skip] list: &[&str],
        id: u8,
    ) -> usize {
        list.len() + usize::from(id)
    }

    async fn closure(&self, #[cache_skip] by: impl Fn(u8) -> u8 + Send, id: u8) -> u8 {
        by(id)
    }

    async fn dynamic(&self, #[cache_skip] by: &(dyn Fn(&u8) -> u8 + Sync), id: u8) -> u8 {
        by(&id)
    }

    #[cache]
    fn sync(
        &self,
        #[cache_skip] by: &dyn Fn(&u8) -> u8,
        id: &u8,
        #[cache_skip] ctx: &Ctx<'_>,
    ) -> usize {
        ctx.0.len() + usize::from(by(id))
    }

    #[cache]
    fn sync_generic<T>(&self, #[cache_skip] _pool: &Pool<T>, id: &str) -> usize {
        id.len()
    }

    async fn many(
        &self,
        #[cache_skip] a: u8,
        #[cache_skip] b: u8,
        #[cache_skip] c: u8,
        #[cache_skip] d: u8,
        #[cache_skip] e: u8,
        #[cache_skip] f: &u8,
    ) -> u8 {
        a + b + c + d + e + f
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    let (ctx, pool) = (Ctx("ctx"), Pool(String::new()));
    for _ in 0..2 {
        assert_eq!(is_send(repo.all(&ctx, Pool(&1))).await, 4);
        assert_eq!(is_send(repo.generic(&pool, "k")).await, 1);
        assert_eq!(is_send(repo.named(&ctx, "t")).await, "ctxt");
        assert_eq!(is_send(repo.changed(&ctx, &["a"], 1)).await, 2);
        assert_eq!(is_send(repo.closure(|x| x + 1, 1)).await, 2);
        assert_eq!(is_send(repo.dynamic(&|x| x + 1, 1)).await, 2);
        assert_eq!(repo.sync(&|x| x + 1, &1, &ctx), 5);
        assert_eq!(repo.sync_generic(&pool, "id"), 2);
        assert_eq!(is_send(repo.many(1, 1, 1, 1, 1, &1)).await, 6);
    }
    assert_eq!(repo.closure(|_| 100, 1).await, 2);
    assert_eq!((cache.stats().hit, cache.stats().miss), (10, 9));

    let entry = repo.entry();
    assert_eq!(is_send(entry.all().refresh(&Ctx("c"), Pool(&2))).await, 3);
    assert_eq!(
        is_send(entry.generic::<String, _>("k").refresh(&pool)).await,
        1
    );
    assert_eq!(is_send(entry.named("u").refresh(&ctx)).await, "ctxu");
    assert_eq!(is_send(entry.changed(3).refresh(&ctx, &["a"])).await, 4);
    assert_eq!(entry.sync(&1).refresh(&|x| x + 2, &ctx), 6);
    assert_eq!(entry.sync_generic::<String>("id").refresh(&pool), 2);
    assert_eq!(is_send(entry.many().refresh(1, 2, 3, 4, 5, &6)).await, 21);
    assert_eq!(is_send(entry.dynamic(1).refresh(&|x| x + 7)).await, 8);
    // There is no way to name the type of a closure, so its handle does not ask for it.
    assert_eq!(entry.closure(1).peek().await.unwrap(), Some(2));
    assert!(is_send(entry.closure(1).invalidate()).await.unwrap());
}
