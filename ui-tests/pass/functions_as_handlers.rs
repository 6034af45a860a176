#![deny(warnings)]
//! Handlers of a web framework: extractors are patterns, and the framework asks for `Send` futures of `'static`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, cache_fn};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[derive(Clone)]
struct Pool(&'static AtomicU64);

struct State<T>(T);

#[derive(Serialize)]
struct Path<T>(T);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Json<T>(T);

#[derive(Debug, PartialEq)]
struct StatusCode(u16);

/// As frameworks have it.
trait Handler<Arguments> {
    fn call(
        &self,
        pool: Pool,
        id: u64,
    ) -> impl Future<Output = Result<Json<u64>, StatusCode>> + Send;
}

impl<F, Output> Handler<(State<Pool>, Path<u64>)> for F
where
    F: Fn(State<Pool>, Path<u64>) -> Output + Send + Sync + 'static,
    Output: Future<Output = Result<Json<u64>, StatusCode>> + Send + 'static,
{
    fn call(
        &self,
        pool: Pool,
        id: u64,
    ) -> impl Future<Output = Result<Json<u64>, StatusCode>> + Send {
        self(State(pool), Path(id))
    }
}

fn get<Arguments>(handler: impl Handler<Arguments> + Send + 'static) -> impl Handler<Arguments> {
    handler
}

#[cache_fn(cache = CACHE, ttl = "5m")]
async fn show(
    #[cache_skip] State(pool): State<Pool>,
    Path(id): Path<u64>,
) -> Result<Json<u64>, StatusCode> {
    pool.0.fetch_add(1, Ordering::Relaxed);
    if id == 0 {
        Err(StatusCode(404))
    } else {
        Ok(Json(id * 2))
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    static QUERIES: AtomicU64 = AtomicU64::new(0);
    let (pool, route) = (Pool(&QUERIES), get(show));
    for _ in 0..2 {
        assert_eq!(route.call(pool.clone(), 7).await, Ok(Json(14)));
    }
    assert_eq!(QUERIES.load(Ordering::Relaxed), 1);
    assert_eq!(show::entry(Path(7)).peek().await.unwrap(), Some(Json(14)));

    for _ in 0..2 {
        assert_eq!(route.call(pool.clone(), 0).await, Err(StatusCode(404)));
    }
    assert_eq!(QUERIES.load(Ordering::Relaxed), 3);

    show::entry(Path(7)).invalidate().await.unwrap();
    assert_eq!(show(State(pool.clone()), Path(7)).await, Ok(Json(14)));
    assert_eq!(show::uncached(State(pool), Path(7)).await, Ok(Json(14)));
    assert_eq!(QUERIES.load(Ordering::Relaxed), 5);
}
