#![deny(warnings)]
//! `#[cache_key(…)]`: an expression of an argument is in the key, and not the argument.

use std::future::Future;
use std::sync::LazyLock;

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

/// Neither `Serialize` nor `Clone`.
struct Ctx {
    actor: u64,
    request: u64,
}

impl Ctx {
    fn actor_id(&self) -> u64 {
        self.actor
    }
}

struct State<T>(T);

struct Repo {
    most: u32,
}

#[cache_impl(self_key = ())]
impl Repo {
    async fn news(
        &self,
        #[cache_key(ctx.actor_id())] ctx: &Ctx,
        #[cache_key(page.min(100))] page: u32,
    ) -> String {
        format!("{} {} {page}", ctx.actor, ctx.request)
    }

    fn by_name(&self, #[redis_func_cache::cache_key(name.to_lowercase())] name: &str) -> String {
        name.to_owned()
    }

    async fn pages(&self, #[cache_key(page.min(self.most).max(Self::LEAST))] page: u32) -> u32 {
        page
    }

    fn future(&self, #[cache_key(ctx.actor)] ctx: Ctx) -> impl Future<Output = u64> + Send {
        async move { ctx.request }
    }

    async fn extracted(
        &self,
        #[cache_skip] State(_pool): State<Ctx>,
        #[cache_key((*id / 10, name.len()))] State((mut id, name)): State<(u64, String)>,
    ) -> u64 {
        id += name.len() as u64;
        id
    }

    async fn mutable(&self, #[cache_key(ctx.actor)] ctx: &mut Ctx) -> u64 {
        ctx.request += 1;
        ctx.request
    }

    async fn opaque(
        &self,
        #[cache_key(name.as_ref().len())] name: impl AsRef<str>,
        id: impl Into<u64>,
    ) -> String {
        format!("{}{}", name.as_ref(), id.into())
    }

    async fn of_two(
        &self,
        #[cache_key((first, second.len()))] first: u8,
        #[cache_key(second.len())] second: &str,
    ) -> String {
        format!("{first}{second}")
    }

    const LEAST: u32 = 1;
}

#[cache_impl(ttl = "5m", stale = "5m", wrapper = CachedRepo)]
impl Repo {
    async fn stale(&self, #[cache_key(*id / 10)] id: &u64) -> u64 {
        *id
    }
}

struct User(u64);

#[cache_impl(cache = CACHE, self_key = self.0)]
impl User {
    async fn by_actor(#[cache_key(ctx.actor)] ctx: &Ctx) -> u64 {
        ctx.request
    }
    async fn times(&self, #[cache_key(by / self.0)] by: u64) -> u64 {
        self.0 * by
    }
}

#[cache_fn(cache = CACHE)]
async fn rate(#[cache_key(code.to_lowercase())] code: &str) -> String {
    code.to_owned()
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo { most: 9 }.cached(&cache);
    let ctx = |actor, request| Ctx { actor, request };
    assert_eq!(is_send(repo.news(&ctx(1, 1), 200)).await, "1 1 200");
    assert_eq!(repo.news(&ctx(1, 2), 100).await, "1 1 200");
    assert_eq!(repo.news(&ctx(2, 3), 100).await, "2 3 100");
    assert_eq!(repo.news(&ctx(1, 4), 99).await, "1 4 99");
    assert_eq!(
        (repo.by_name("Ab"), repo.by_name("aB")),
        ("Ab".to_owned(), "Ab".to_owned())
    );
    assert_eq!(
        (
            repo.pages(10).await,
            repo.pages(11).await,
            repo.pages(0).await,
            repo.pages(1).await
        ),
        (10, 10, 0, 0)
    );
    assert_eq!(
        (
            is_send(repo.future(ctx(1, 1))).await,
            repo.future(ctx(1, 2)).await
        ),
        (1, 1)
    );
    let name = || State((17, String::from("a")));
    assert_eq!(repo.extracted(State(ctx(1, 1)), name()).await, 18);
    assert_eq!(
        repo.extracted(State(ctx(2, 2)), State((11, String::from("b"))))
            .await,
        18
    );
    assert_eq!(
        (
            repo.mutable(&mut ctx(1, 1)).await,
            repo.mutable(&mut ctx(1, 5)).await
        ),
        (2, 2)
    );
    assert_eq!(
        (
            repo.opaque("a", 1_u8).await,
            repo.opaque(String::from("b"), 1_u16).await
        ),
        ("a1".into(), "a1".into())
    );
    assert_eq!(
        (
            repo.of_two(1, "a").await,
            repo.of_two(1, "b").await,
            repo.of_two(1, "cc").await
        ),
        ("1a".into(), "1a".into(), "1cc".into())
    );
    assert_eq!(
        (is_send(repo.stale(&11)).await, repo.stale(&12).await),
        (11, 11)
    );

    let entry = repo.entry();
    assert_eq!(
        entry.news(&ctx(1, 9), 500).peek().await.unwrap().as_deref(),
        Some("1 1 200")
    );
    assert_eq!(
        is_send(entry.news(&ctx(1, 9), 500).refresh()).await,
        "1 9 500"
    );
    assert_eq!(repo.news(&ctx(1, 1), 101).await, "1 9 500");
    assert_eq!(entry.by_name("AB").peek().unwrap().as_deref(), Some("Ab"));
    assert_eq!(entry.pages(12).peek().await.unwrap(), Some(10));
    assert_eq!(
        is_send(entry.extracted(name()).refresh(State(ctx(1, 1)))).await,
        18
    );
    assert_eq!(entry.mutable(&mut ctx(1, 7)).refresh().await, 8);

    assert_eq!(
        (
            User::by_actor(&ctx(1, 1)).await,
            User::by_actor(&ctx(1, 2)).await
        ),
        (1, 1)
    );
    assert_eq!(
        (
            User(2).times(2).await,
            User(2).times(3).await,
            User(2).times(4).await
        ),
        (4, 4, 8)
    );
    assert_eq!(
        CachedUser::entry()
            .by_actor(&ctx(1, 3))
            .peek()
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(
        CachedUser::entry_of(&User(2))
            .times(5)
            .peek()
            .await
            .unwrap(),
        Some(8)
    );
    assert_eq!(
        (rate("Eur").await, rate("eUR").await),
        ("Eur".to_owned(), "Eur".to_owned())
    );
    assert_eq!(rate::entry("EUR").refresh().await, "EUR");
}
