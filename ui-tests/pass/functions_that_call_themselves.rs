#![deny(warnings)]
//! A call inside of a cached function is a call of a cached function.

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
fn fib(n: u64) -> u64 {
    match n {
        0 | 1 => n,
        _ => fib(n - 1) + fib(n - 2),
    }
}

/// An `async fn` that calls itself boxes its call, cached or not.
#[cache_fn(cache = CACHE)]
async fn steps(n: u64) -> u64 {
    match n {
        1 => 0,
        _ if n % 2 == 0 => 1 + Box::pin(steps(n / 2)).await,
        _ => 1 + Box::pin(steps(3 * n + 1)).await,
    }
}

#[cache_fn(cache = CACHE)]
async fn is_even(n: u64) -> bool {
    n == 0 || Box::pin(is_odd(n - 1)).await
}

#[cache_fn(cache = CACHE)]
async fn is_odd(n: u64) -> bool {
    n != 0 && Box::pin(is_even(n - 1)).await
}

/// Without a cache: its own call is cached.
#[cache_fn(cache = CACHE)]
fn sum(n: u64) -> u64 {
    if n == 0 { 0 } else { n + sum::uncached(n - 1) }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    assert_eq!(fib(80), 23_416_728_348_467_685);
    assert_eq!(CACHE.stats().exec, 81);
    assert_eq!(steps(27).await, 111);
    assert_eq!(CACHE.stats().exec, 81 + 112);
    assert_eq!((is_even(10).await, is_odd(10).await), (true, false));
    assert_eq!(CACHE.stats().exec, 81 + 112 + 11 + 11);
    assert_eq!((sum(10), sum(10)), (55, 55));
    assert_eq!(CACHE.stats().exec, 81 + 112 + 11 + 11 + 1);
}
