//! What is counted: the client's part of a call, on the memory store and one thread.

use std::hint::black_box;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

use crate::support::{Product, install_recorder};

#[derive(Debug)]
struct Source;

#[derive(Debug)]
struct Absent;

#[cache_impl]
impl Source {
    async fn product(&self, id: u64) -> Result<Product, Absent> {
        Ok(Product::new(id))
    }

    /// Next to nothing to decode: what remains is key, look-up and bookkeeping.
    async fn exists(&self, id: u64) -> Result<bool, Absent> {
        Ok(id > 0)
    }

    async fn search(&self, tenant: &str, words: Option<&str>, page: u32) -> Result<bool, Absent> {
        Ok(tenant.len() + words.map_or(0, str::len) > page as usize)
    }

    #[nocache]
    async fn passed(&self, id: u64) -> u64 {
        black_box(id)
    }

    #[nocache]
    fn passed_sync(&self, id: u64) -> u64 {
        black_box(id)
    }
}

pub const NAMES: [&str; 8] = [
    "hit of 8 fields",
    "hit of a bool",
    "key of an id",
    "key of a search",
    "nocache, async",
    "nocache, async, direct",
    "nocache, sync",
    "nocache, sync, direct",
];

/// Does one case so many times.
pub fn run(name: &str, times: u64) {
    install_recorder();
    let cache = Cache::builder("instructions").build().unwrap();
    let repo = Source.cached(&cache);
    let direct = CachedSource::inner(&repo);
    pollster::block_on(async {
        match name {
            "hit of 8 fields" => {
                repo.product(7).await.unwrap();
                for _ in 0..times {
                    black_box(repo.product(black_box(7)).await.unwrap());
                }
                assert_eq!(cache.stats().hit, times);
            }
            "hit of a bool" => {
                repo.exists(7).await.unwrap();
                for _ in 0..times {
                    black_box(repo.exists(black_box(7)).await.unwrap());
                }
                assert_eq!(cache.stats().hit, times);
            }
            "key of an id" => {
                for _ in 0..times {
                    let entry = repo.entry();
                    black_box(entry.exists(black_box(7)));
                }
            }
            "key of a search" => {
                for _ in 0..times {
                    let entry = repo.entry();
                    black_box(entry.search(black_box("acme"), black_box(Some("lamp")), 3));
                }
            }
            "nocache, async" => {
                for _ in 0..times {
                    black_box(repo.passed(black_box(7)).await);
                }
            }
            "nocache, async, direct" => {
                for _ in 0..times {
                    black_box(direct.passed(black_box(7)).await);
                }
            }
            "nocache, sync" => {
                for _ in 0..times {
                    black_box(repo.passed_sync(black_box(7)));
                }
            }
            "nocache, sync, direct" => {
                for _ in 0..times {
                    black_box(direct.passed_sync(black_box(7)));
                }
            }
            _ => panic!("{name} is no case"),
        }
    });
}
