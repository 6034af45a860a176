#![deny(warnings)]
//! A function inside a function sees the types beside it, and its handles can be reached there.

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

fn cache() -> &'static Cache {
    &CACHE
}

async fn first() -> (u64, u64) {
    #[derive(serde::Serialize)]
    struct Id(u64);

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Row {
        of: u64,
    }

    #[derive(Debug, PartialEq)]
    enum Wrong {
        Zero,
    }

    #[cache_fn(cache = cache())]
    async fn row(id: Id) -> Result<Row, Wrong> {
        if id.0 == 0 {
            Err(Wrong::Zero)
        } else {
            Ok(Row { of: id.0 })
        }
    }

    assert_eq!(row(Id(0)).await, Err(Wrong::Zero));
    assert_eq!(row::entry(Id(3)).peek().await.unwrap(), None);
    let of = row(Id(3)).await.unwrap().of;
    assert_eq!(row::entry(Id(3)).peek().await.unwrap(), Some(Row { of: 3 }));
    row::all().invalidate().await.unwrap();
    assert_eq!(row::entry(Id(3)).peek().await.unwrap(), None);
    (of, row::uncached(Id(4)).await.unwrap().of)
}

/// Functions of one name in two functions share nothing.
fn second() -> u64 {
    #[cache_fn(cache = &*CACHE)]
    fn row(id: u64) -> u64 {
        id + 100
    }

    {
        #[cache_fn(cache = *CACHE)]
        fn row(id: u64) -> u64 {
            id + 1000
        }
        assert_eq!((row(3), row::entry(3).peek().unwrap()), (1003, Some(1003)));
    }
    row(3) + row::uncached(3)
}

struct Service;

impl Service {
    /// The way to cache a part of a method.
    fn total(&self, ids: &[u64]) -> u64 {
        #[cache_fn(cache = CACHE)]
        fn price(id: u64) -> u64 {
            id * 2
        }

        ids.iter().copied().map(price).sum()
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    assert_eq!(first().await, (3, 4));
    assert_eq!(second(), 206);
    assert_eq!(Service.total(&[1, 2, 1]), 8);
    let before = CACHE.stats();
    assert_eq!(second(), 206);
    assert_eq!(Service.total(&[1, 2, 1]), 8);
    let after = CACHE.stats();
    assert_eq!((after.miss - before.miss, after.hit - before.hit), (0, 5));
    let of_closure = || {
        #[cache_fn(cache = CACHE)]
        fn inside(id: u64) -> u64 {
            id
        }
        inside(1)
    };
    assert_eq!((of_closure(), of_closure()), (1, 1));
}
