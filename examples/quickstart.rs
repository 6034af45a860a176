//! A slow method, cached: in the memory of this process, or on the server that `REDIS_URL` names.
//!
//! ```sh
//! cargo run --example quickstart
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example quickstart
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Reports;

#[cache_impl(policy = "lru_t", multiple, maxsize = 1_000, ttl = "5m")]
impl Reports {
    /// Stands for a query that takes its time.
    async fn revenue(&self, year: u16) -> Result<u64, String> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(u64::from(year) * 1_000)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::from_env("quickstart")?;
    let reports = Reports.cached(&cache);
    cache.purge().await?; // so that the first call is the first, also on a shared server

    for call in ["first", "second"] {
        let started = Instant::now();
        let revenue = reports.revenue(2026).await?;
        println!("{call} call: {revenue} in {:?}", started.elapsed());
    }

    let stats = cache.stats();
    println!("hits: {}, misses: {}", stats.hit, stats.miss);

    if let Ok(url) = std::env::var("REDIS_URL") {
        print_keys(&url)?;
    }
    Ok(())
}

fn print_keys(url: &str) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let mut scan = redis::cmd("SCAN");
    scan.cursor_arg(0)
        .arg("MATCH")
        .arg("func-cache:quickstart:*");
    for key in scan.iter::<String>(&mut connection)? {
        println!("key: {}", key?);
    }
    Ok(())
}
