#![deny(warnings)]
//! The handle goes where its function goes: one `use` brings both, and both have the function's visibility.

use std::sync::LazyLock;

use redis_func_cache::Cache;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

mod rates {
    use redis_func_cache::cache_fn;

    use super::CACHE;

    #[cache_fn(cache = CACHE)]
    pub(crate) async fn rate(code: &str) -> usize {
        code.len()
    }

    #[cache_fn(cache = super::CACHE)]
    pub fn tax(code: &str) -> usize {
        code.len() + own(code)
    }

    #[cache_fn(cache = CACHE)]
    fn own(code: &str) -> usize {
        code.len()
    }

    pub mod deeper {
        use redis_func_cache::cache_fn;

        // As long as a path of the user's can be.
        #[cache_fn(cache = crate::functions_elsewhere::CACHE)]
        pub(in crate::functions_elsewhere) fn rate(code: &str) -> usize {
            code.len() + 10
        }
    }
}

mod exported {
    pub(crate) use super::rates::deeper;
    pub(crate) use super::rates::tax as duty;
}

/// A module of the function's name stands beside it, where `handle` gives another name to the handle.
mod clashing {
    use redis_func_cache::cache_fn;

    pub(crate) mod rate {
        pub(crate) const DEFAULT: usize = 1;
    }

    #[cache_fn(cache = super::CACHE, handle = rates)]
    pub(crate) fn rate(code: &str) -> usize {
        code.len() + rate::DEFAULT
    }

    #[cache_fn(cache = super::CACHE, handle = Users)]
    pub(crate) fn users(id: u8) -> u8 {
        id
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use exported::duty;
    use rates::rate;

    assert_eq!(rate("EUR").await, 3);
    assert_eq!(rate::entry("EUR").peek().await.unwrap(), Some(3));
    assert_eq!(rates::rate::uncached("EUR").await, 3);
    rate::all().invalidate().await.unwrap();

    assert_eq!(duty("EUR"), 6);
    assert_eq!(duty::entry("EUR").peek().unwrap(), Some(6));
    assert_eq!(rates::tax::entry("EUR").peek().unwrap(), Some(6));

    // One name in two modules: two functions.
    assert_eq!(exported::deeper::rate("EUR"), 13);
    assert_eq!(
        exported::deeper::rate::entry("EUR").peek().unwrap(),
        Some(13)
    );
    assert_eq!(rate::entry("EUR").peek().await.unwrap(), None);

    assert_eq!(clashing::rate("EUR"), 4);
    assert_eq!(clashing::rates::entry("EUR").peek().unwrap(), Some(4));
    assert_eq!(
        (
            clashing::users(1),
            clashing::Users::entry(1).peek().unwrap()
        ),
        (1, Some(1))
    );
}
