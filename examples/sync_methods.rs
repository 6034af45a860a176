//! Sync methods, plain threads, no async runtime; handles on entries without `await`.
//!
//! ```sh
//! cargo run --example sync_methods
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example sync_methods
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use redis_func_cache::{Cache, CacheExt as _, Error, cache_impl};

#[derive(Default)]
struct Numbers {
    runs: AtomicU32,
}

#[cache_impl(policy = "lru", maxsize = 100)]
impl Numbers {
    /// A call of `self.…` would pass the cache by, so the method is given its own wrapper.
    fn fib(&self, #[cache_skip] cached: &CachedNumbers, n: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed);
        match n {
            0 | 1 => n,
            _ => cached.fib(cached, n - 1) + cached.fib(cached, n - 2),
        }
    }

    /// Only `Ok` is stored: a failure is tried again by the next call.
    fn half(&self, n: u64) -> Result<u64, String> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if n.is_multiple_of(2) {
            Ok(n / 2)
        } else {
            Err(format!("{n} is odd"))
        }
    }
}

fn main() -> Result<(), Error> {
    let cache = Cache::from_env("sync-methods")?;
    // The few async functions of a cache run on any executor; this one blocks the thread.
    pollster::block_on(cache.purge())?;
    let numbers = Numbers::default().cached(&cache);

    println!("fib(80) = {}", numbers.fib(&numbers, 80));
    println!(
        "runs: {}",
        CachedNumbers::inner(&numbers).runs.load(Ordering::Relaxed)
    );

    // A wrapper is `Clone + Send + Sync`: threads share the value and the cache.
    let sums = thread::scope(|scope| {
        let threads = [10, 20, 30].map(|n| {
            let numbers = numbers.clone();
            scope.spawn(move || numbers.fib(&numbers, n))
        });
        threads.map(|thread| thread.join().expect("the thread does not panic"))
    });
    println!("from threads: {sums:?}");

    println!("half(7): {:?}, {:?}", numbers.half(7), numbers.half(7));
    println!("half(8): {:?}, {:?}", numbers.half(8), numbers.half(8));

    let entry = numbers.entry();
    println!(
        "peek half(8): {:?}, half(7): {:?}",
        entry.half(8).peek()?,
        entry.half(7).peek()?
    );
    entry.half(8).put(&44)?;
    println!("after put: {:?}", numbers.half(8));
    println!("refresh: {:?}", entry.half(8).refresh());
    println!(
        "refresh with the skipped argument: {}",
        entry.fib(50).refresh(&numbers)
    );
    println!(
        "invalidate: {}, {}",
        entry.half(8).invalidate()?,
        entry.half(8).invalidate()?
    );

    let (_, stats) = cache.with_stats_sync(|| numbers.fib(&numbers, 80));
    println!("hits: {}, runs: {}", stats.hit, stats.exec);
    Ok(())
}
