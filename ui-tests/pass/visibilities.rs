#![deny(warnings, private_interfaces, private_bounds)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Private;

#[cache_impl]
impl Private {
    pub fn find(&self, id: u64) -> u64 {
        id
    }
    fn own(&self) -> u64 {
        1
    }
}

mod outer {
    pub(crate) mod within {
        use redis_func_cache::cache_impl;

        pub(crate) struct Within;

        #[cache_impl]
        impl Within {
            pub(in crate::visibilities::outer) async fn path(&self) -> u64 {
                2
            }
            pub(super) fn parent(&self) -> u64 {
                3
            }
            pub(crate) fn krate(&self) -> u64 {
                4
            }
            fn own(&self) -> u64 {
                5
            }
            pub(crate) fn all(&self) -> u64 {
                self.own()
            }
        }

        pub(super) struct Shown;

        #[cache_impl(vis = "pub(in crate::visibilities::outer)", wrapper = ShownCache)]
        impl Shown {
            pub(crate) fn find(&self) -> u64 {
                6
            }
        }

        /// More visible than its methods and than a trait's would be.
        pub struct Public;

        pub(super) trait Store {
            fn get(&self) -> u64;
        }

        #[cache_impl]
        impl Store for Public {
            fn get(&self) -> u64 {
                7
            }
        }

        #[cache_impl(extend)]
        impl Public {
            pub(super) fn find(&self) -> u64 {
                8
            }
        }

        pub(crate) fn own(wrapper: &CachedWithin) -> u64 {
            wrapper.own()
        }
    }

    pub(crate) async fn sum(within: &within::CachedWithin, cache: &redis_func_cache::Cache) -> u64 {
        use redis_func_cache::CacheExt as _;
        let shown: within::ShownCache = within::Shown.cached(cache);
        let public = within::Public.cached(cache);
        let sum = within::Store::get(&public) + public.find() + public.entry().get().refresh();
        within.path().await + within.parent() + shown.find() + sum
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let private = Private.cached(&cache);
    assert_eq!(private.find(1) + private.own(), 2);
    assert_eq!(private.entry().own().refresh(), 1);
    let within = outer::within::Within.cached(&cache);
    assert_eq!(outer::sum(&within, &cache).await, 33);
    assert_eq!(
        within.krate() + within.all() + outer::within::own(&within),
        14
    );
}
