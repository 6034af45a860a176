#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(serde::Serialize)]
struct Point {
    x: i32,
    y: i32,
}

struct Geometry;

#[cache_impl]
impl Geometry {
    async fn sum(&self, (a, b): (i32, i32), Point { x, y: z }: Point) -> i32 {
        a + b + x + z
    }

    fn first(&self, [first, ..]: [u8; 3], _: String, mut times: u8) -> u8 {
        times += 1;
        first * times
    }

    fn all(&self, whole @ (_, last): (u8, u8), ref text: String, &by: &u8) -> String {
        format!("{whole:?} {last} {text} {by}")
    }

    async fn skipped(&self, #[cache_skip] (_, b): (&u8, &u8), _: u8, _: u8) -> u8 {
        *b
    }

    #[nocache]
    fn delegated(&self, (a, _): (u8, u8), mut b: u8) -> u8 {
        b += a;
        b
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let geometry = Geometry.cached(&cache);
    for _ in 0..2 {
        assert_eq!(geometry.sum((1, 2), Point { x: 3, y: 4 }).await, 10);
        assert_eq!(geometry.first([7, 8, 9], String::new(), 1), 14);
        assert_eq!(geometry.all((1, 2), "t".to_owned(), &3), "(1, 2) 2 t 3");
        assert_eq!(geometry.skipped((&1, &2), 3, 4).await, 2);
        assert_eq!(geometry.delegated((1, 2), 3), 4);
    }
    assert_eq!((cache.stats().hit, cache.stats().miss), (4, 4));
    assert_eq!(geometry.first([7, 8, 9], "other".to_owned(), 1), 14);
    assert_eq!(cache.stats().miss, 5);
    assert_eq!(
        geometry
            .entry()
            .sum((1, 2), Point { x: 3, y: 4 })
            .refresh()
            .await,
        10
    );
    assert_eq!(geometry.entry().skipped(3, 4).refresh((&5, &6)).await, 6);
}
