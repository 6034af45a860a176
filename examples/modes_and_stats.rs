//! Modes switch reading and writing for a scope; statistics tell what a scope, a method or a cache did.
//!
//! ```sh
//! cargo run --example modes_and_stats
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example modes_and_stats
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Error, Mode, Stats, cache_impl};

#[derive(Default)]
struct Weather {
    asked: AtomicU32,
}

#[cache_impl(ttl = "10m")]
impl Weather {
    /// Answers with how often it ran, so that a value from the cache is recognised.
    async fn forecast(&self, city: &str) -> String {
        tokio::time::sleep(Duration::from_millis(1)).await; // stands for a request
        let run = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{city}: sunny (run {run})")
    }

    async fn alerts(&self, country: &str) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        vec![format!("no wind in {country}")]
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let cache = Cache::from_env("modes-and-stats")?;
    cache.purge().await?;
    let weather = Weather::default().cached(&cache);

    println!("normal:     {}", weather.forecast("Rome").await);
    println!("normal:     {}", weather.forecast("Rome").await);

    // Answered from the cache where it can be; stores nothing.
    let read_only = cache.read_only(async {
        let (rome, oslo) = (
            weather.forecast("Rome").await,
            weather.forecast("Oslo").await,
        );
        format!("{rome}; {oslo}")
    });
    println!("read_only:  {}", read_only.await);

    // Runs the method and stores: a way to warm a cache or to replace what is in it.
    let write_only = cache.write_only(weather.forecast("Rome"));
    println!("write_only: {}", write_only.await);
    println!("normal:     {}", weather.forecast("Rome").await);

    // As if there were no cache.
    let disabled = cache.disable_rw(weather.forecast("Rome"));
    println!("disable_rw: {}", disabled.await);

    // The inner scope wins.
    let off = Mode {
        read: false,
        write: false,
    };
    let inner = cache.with_mode(Mode::default(), weather.forecast("Rome"));
    println!("with_mode:  {}", cache.with_mode(off, inner).await);

    // What one scope did, whatever happens elsewhere.
    let ((), scope) = cache
        .with_stats(async {
            weather.alerts("Italy").await;
            weather.alerts("Italy").await;
        })
        .await;
    print("scope", scope);

    for (method, stats) in cache.method_stats() {
        print(&method, stats);
    }
    print("cache", cache.stats());
    println!("entries: {}", cache.len().await?);
    Ok(())
}

fn print(what: &str, stats: Stats) {
    println!(
        "{what}: calls {}, hits {}, misses {}, runs {}, stored {}, bypassed {}",
        stats.count, stats.hit, stats.miss, stats.exec, stats.write, stats.bypass
    );
}
