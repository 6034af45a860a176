//! A module that both programs have, but for one word in its methods.

macro_rules! shelf {
    ($ordering:ident) => {
        /// Methods whose values tell their runs apart.
        pub mod shelf {
            use std::sync::Arc;
            use std::sync::atomic::{AtomicU64, Ordering};

            use redis_func_cache::{Tags, cache_impl};

            /// Each run has the next number.
            #[derive(Debug)]
            pub struct Shelf(pub Arc<AtomicU64>);

            #[allow(clippy::trivially_copy_pass_by_ref)] // `tags_fn` is given a reference
            fn owner_of(number: &u64) -> Tags {
                Tags::new().with("owner", &(number % 2))
            }

            /// There is room for all: what a write removes and what it stores are sent together, and which comes first
            /// decides whether something is evicted.
            #[cache_impl(ttl = "20m", maxsize = 40)]
            impl Shelf {
                pub async fn plain(&self, _key: u64) -> u64 {
                    self.0.fetch_add(1, Ordering::$ordering)
                }

                #[cache(tags(key = key))]
                pub async fn tagged(&self, key: u64) -> u64 {
                    let _ = key;
                    self.0.fetch_add(1, Ordering::$ordering)
                }

                #[cache(tags_fn = owner_of)]
                pub async fn owned(&self, _key: u64) -> u64 {
                    self.0.fetch_add(1, Ordering::$ordering)
                }

                #[nocache]
                #[invalidates(plain(key), tagged(key))]
                pub async fn write(&self, key: u64) {
                    let _ = key;
                }

                #[nocache]
                #[invalidates(tag(key = key), tag(owner = key % 2))]
                pub async fn write_tag(&self, key: u64) {
                    let _ = key;
                }

                #[nocache]
                #[updates(plain(key))]
                #[invalidates(owned(key))]
                pub async fn update(&self, key: u64) -> u64 {
                    let _ = key;
                    self.0.fetch_add(1, Ordering::$ordering)
                }
            }
        }
    };
}
