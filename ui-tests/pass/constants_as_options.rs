#![deny(warnings)]

use std::sync::LazyLock;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};

const TTL: Duration = Duration::from_secs(300);

mod limits {
    pub(crate) const SIZE: u64 = 2;
}

struct Repo;

impl Repo {
    const SECONDS: u64 = 60;
}

#[cache_impl(ttl = TTL, maxsize = limits::SIZE)]
impl Repo {
    fn of_block(&self, id: u64) -> u64 {
        id
    }
    #[cache(ttl = Duration::from_secs(Repo::SECONDS * 2), maxsize = if cfg!(windows) { 1 } else { 10 })]
    fn of_method(&self) -> u8 {
        1
    }
    #[cache(stale = TTL, soft_timeout = const { Duration::from_millis(5) }, ttl = "1m")]
    async fn refreshed(&self) -> u8 {
        1
    }
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("constants").build().unwrap());

#[cache_fn(cache = CACHE, ttl = TTL)]
fn function(_id: u8) -> u8 {
    1
}

fn lives(ttl: Option<Duration>, seconds: u64) {
    let (ttl, expected) = (ttl.unwrap(), Duration::from_secs(seconds));
    assert!(ttl <= expected && ttl > expected * 9 / 10, "{ttl:?}");
}

pub fn main() {
    let repo = Repo.cached(&CACHE);
    for id in 0..5 {
        repo.of_block(id);
    }
    assert_eq!(pollster::block_on(CACHE.len()).unwrap(), limits::SIZE);
    lives(repo.entry().of_block(4).ttl().unwrap(), 300);
    repo.of_method();
    lives(repo.entry().of_method().ttl().unwrap(), 120);
    pollster::block_on(async {
        repo.refreshed().await;
        lives(repo.entry().refreshed().ttl().await.unwrap(), 360);
    });
    function(1);
    lives(function::entry(1).ttl().unwrap(), 300);

    const LOCAL: Duration = Duration::from_secs(30);
    struct Local;
    #[cache_impl(ttl = LOCAL)]
    impl Local {
        fn of(&self) -> u8 {
            1
        }
    }
    let local = Local.cached(&CACHE);
    local.of();
    lives(local.entry().of().ttl().unwrap(), 30);
}
