#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(Clone)]
struct Matrix<const N: usize>;

#[cache_impl]
impl<const N: usize> Matrix<N> {
    #[cache]
    fn size(&self) -> usize {
        N
    }

    async fn times<const BY: i32, const WIDE: bool>(&self, by: i64) -> String {
        format!("{N} {BY} {WIDE} {by}")
    }

    fn row(&self, of: [u8; 2]) -> Vec<u8> {
        of.to_vec()
    }
}

struct Pair;

#[cache_impl]
impl Pair {
    const WIDTH: usize = 2;

    fn sum(&self, of: [u8; Self::WIDTH]) -> u8 {
        of[0] + of[1]
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let (two, three) = (Matrix::<2>.cached(&cache), Matrix::<3>.cached(&cache));
    for _ in 0..2 {
        assert_eq!((two.size(), three.size()), (2, 3));
        assert_eq!(two.times::<-1, true>(5).await, "2 -1 true 5");
        assert_eq!(two.times::<-1, false>(5).await, "2 -1 false 5");
        assert_eq!(two.row([1, 2]), [1, 2]);
    }
    assert_eq!(cache.stats().hit, 5);
    assert!(two.entry().times::<-1, true>(5).invalidate().await.unwrap());
    assert_eq!(Pair.cached(&cache).sum([1, 2]), 3);
    assert_eq!(three.entry().size().refresh(), 3);
}
