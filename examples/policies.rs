//! The seven policies and one of your own, each asked for the same keys with room for three.
//!
//! ```sh
//! cargo run --example policies
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example policies
//! ```

use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, CustomPolicy, Error, Policy, cache_impl};

/// A and B are asked for again and again, the others once.
const TRACE: &str = "AABBCDAEFBAGHAB";
const ROOM: u64 = 3;

struct Pages;

#[cache_impl]
impl Pages {
    async fn load(&self, page: char) -> String {
        tokio::time::sleep(Duration::from_millis(1)).await;
        format!("page {page}")
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    println!("asked for {TRACE} with room for {ROOM}");
    for policy in Policy::BUILT_IN {
        play(policy).await?;
    }
    play(warm()?).await
}

/// Oldest first, but each hit makes a page one minute younger: what is asked for once goes soon.
fn warm() -> Result<Policy, Error> {
    CustomPolicy::new("warm")
        .admit("redis.call('ZADD', RANKING, now_us, field)")
        .hit("redis.call('ZADD', RANKING, 'XX', 'INCR', 60000000, field)")
        .victims("return pop('ZPOPMIN', n)")
        .in_memory(Policy::Lfu) // what stands in for it where no server runs Lua
        .build()
}

async fn play(policy: Policy) -> Result<(), Error> {
    let cache = open(&policy)?;
    cache.purge().await?;
    let pages = Pages.cached(&cache);

    for page in TRACE.chars() {
        pages.load(page).await;
        // `fifo_t` and `lru_t` go by the instant: without a pause two calls could share one.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let stats = cache.stats();
    let mut survivors = String::new();
    for page in 'A'..='H' {
        if pages.entry().load(page).peek().await?.is_some() {
            survivors.push(page);
        }
    }
    println!(
        "{:<7} survivors: {survivors}  hits: {:>2} of {}  evicted: {}",
        policy.tag(),
        stats.hit,
        stats.count,
        stats.evicted
    );
    cache.close().await;
    Ok(())
}

/// As `Cache::from_env`, with settings.
fn open(policy: &Policy) -> Result<Cache, Error> {
    Cache::builder("policies")
        .policy(policy.clone())
        .maxsize(ROOM)
        .redis_from_env()
        .build()
}
