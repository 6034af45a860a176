#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, Codec, Policy, cache_impl};

struct Plain;

#[cache_impl()]
impl Plain {
    #[cache]
    fn find(&self) -> u8 {
        1
    }
    #[cache()]
    fn set(&self) -> u8 {
        1
    }
    #[redis_func_cache::cache(maxsize = 1)]
    fn put(&self) -> u8 {
        1
    }
    #[redis_func_cache::nocache]
    fn write(&self) -> u8 {
        1
    }
}

struct Careful;

#[cache_impl(default = "nocache", policy = Policy::Lfu, codec = Codec::Cbor, single,)]
impl Careful {
    #[cache]
    fn find(&self) -> u8 {
        1
    }
    fn insert(&self) {}
    fn iter(&self) -> impl Iterator<Item = &u8> {
        [].iter()
    }
    fn change(&mut self) {}
    async fn delete(&self, _of: &mut u8) {}
}

struct Each;

#[cache_impl(
    policy = "rr",
    codec = "cbor",
    multiple,
    maxsize = 1_000_000_000,
    ttl = "36500d",
    cluster
)]
impl Each {
    #[cache(policy = "fifo", ttl = "1ms", touch = "exact")]
    fn fifo(&self) -> u8 {
        1
    }
    #[cache(policy = "fifo_t", ttl = "1h30m", single)]
    fn fifo_t(&self) -> u8 {
        1
    }
    #[cache(policy = "lru", multiple)]
    fn lru(&self) -> u8 {
        1
    }
    #[cache(policy = "lru_t", codec = "cbor")]
    fn lru_t(&self) -> u8 {
        1
    }
    #[cache(policy = "mru", maxsize = 1)]
    fn mru(&self) -> u8 {
        1
    }
    #[cache(policy = Policy::Lfu, version = 1)]
    fn lfu(&self) -> u8 {
        1
    }
    fn rr(&self) -> u8 {
        1
    }
}

pub fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let plain = Plain.cached(&cache);
    assert_eq!(plain.find() + plain.set() + plain.put() + plain.write(), 4);
    let mut careful = Careful;
    careful.change();
    let careful = careful.cached(&cache);
    careful.insert();
    drop(careful.delete(&mut 1));
    assert_eq!(
        (careful.find(), careful.find(), careful.iter().count()),
        (1, 1, 0)
    );
    assert_eq!(cache.stats().hit, 1);
    let each = Each.cached(&cache);
    assert_eq!(
        each.fifo()
            + each.fifo_t()
            + each.lru()
            + each.lru_t()
            + each.mru()
            + each.lfu()
            + each.rr(),
        7
    );
}
