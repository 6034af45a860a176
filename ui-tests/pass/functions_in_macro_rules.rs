#![deny(warnings)]

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

macro_rules! lookups {
    ($($(#[$attribute:meta])* $vis:vis $name:ident($of:ident: $ty:ty) -> $returns:ty, $ttl:literal;)*) => {
        $(
            $(#[$attribute])*
            #[cache_fn(cache = CACHE, ttl = $ttl)]
            $vis async fn $name($of: $ty) -> $returns {
                <$returns>::from($of)
            }
        )*
    };
}
lookups! {
    /// Documented.
    pub(crate) small(id: u8) -> u16, "5m";
    large(id: u32) -> u64, "1h";
}

macro_rules! whole {
    ($cache:expr; $item:item) => {
        #[cache_fn(cache = $cache)]
        $item
    };
}
whole! { CACHE; fn half(of: u32, #[cache_skip] by: &u32) -> u32 { of / by } }

macro_rules! body {
    ($name:ident, $argument:ident, $pattern:pat, $life:lifetime, $block:block) => {
        #[cache_fn(cache = CACHE)]
        fn $name<$life>($argument: &$life str, argument: u8, $pattern: (u8, u8)) -> usize {
            let length: usize = $block;
            length + $argument.len() + usize::from(argument)
        }
    };
}
body!(length, argument, (_, _), 'a, { 3 });

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    for _ in 0..2 {
        assert_eq!((small(1).await, large(2).await), (1, 2));
        assert_eq!((half(8, &2), length("ab", 1, (3, 4))), (4, 6));
    }
    assert_eq!((CACHE.stats().miss, CACHE.stats().hit), (4, 4));
    assert_eq!(small::entry(1).peek().await.unwrap(), Some(1));
    assert_eq!(half::entry(8).refresh(&4), 2);
    assert_eq!(length::uncached("ab", 1, (3, 4)), 6);
    large::all().invalidate().await.unwrap();
    assert_eq!(large::entry(2).peek().await.unwrap(), None);
}
