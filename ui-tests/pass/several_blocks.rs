#![deny(warnings)]
//! The first block makes the wrapper; the others name it. A trait's block joins too.

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

pub struct Repo<T> {
    value: T,
}

trait Store<K> {
    type Error;
    fn get(&self, key: K) -> Result<u8, Self::Error>;
}

#[cache_impl(self_key = ())]
impl<T: Clone + Send + Sync> Repo<T> {
    pub async fn find(&self, id: u8) -> u8 {
        let _ = self.value.clone();
        id
    }

    #[nocache]
    #[invalidates(find(id), get(..), search(..))]
    pub async fn forget(&self, id: u8) -> u8 {
        id
    }
}

#[cache_impl(wrapper = CachedRepo, ttl = "5m")]
impl<T: Clone + Send + Sync> Repo<T> {
    pub async fn search(&self, #[cache_skip] by: &str, id: u8) -> usize {
        by.len() + usize::from(id)
    }
}

mod elsewhere {
    use super::{Repo, Store};

    #[redis_func_cache::cache_impl(wrapper = super::CachedRepo)]
    impl<T: Clone + Send + Sync> Store<u8> for Repo<T> {
        type Error = String;

        fn get(&self, key: u8) -> Result<u8, Self::Error> {
            (key > 0).then_some(key).ok_or("zero".to_owned())
        }
    }

    #[redis_func_cache::cache_impl(wrapper = super::CachedRepo<T>, policy = "lfu")]
    impl<T: Clone + Send + Sync> Repo<T> {
        pub fn last(&self, #[cache_skip] by: u8) -> u8 {
            by
        }
    }
}

mod sibling {
    pub(crate) mod one {
        pub(crate) struct Repo;

        #[redis_func_cache::cache_impl]
        impl Repo {
            pub(crate) fn find(&self, id: u8) -> u8 {
                id
            }
        }
    }

    pub(crate) mod two {
        use super::one;

        #[redis_func_cache::cache_impl(wrapper = one::CachedRepo)]
        impl one::Repo {
            pub(crate) fn search(&self, id: u8) -> u8 {
                id
            }

            #[nocache]
            #[invalidates(find(id), search(..))]
            pub(crate) fn forget(&self, id: u8) -> u8 {
                id
            }

            #[nocache]
            #[invalidates(find(self.own()), find(..))]
            pub(crate) fn forget_own(&self) -> u8 {
                self.own()
            }
        }

        impl one::Repo {
            fn own(&self) -> u8 {
                3
            }
        }
    }
}

struct Other;

#[cache_impl(wrapper = Cache2)]
impl Other {
    fn first(&self) -> u8 {
        1
    }
}

#[cache_impl(wrapper = Cache2, extend)]
impl Other {
    fn second(&self) -> u8 {
        2
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo { value: 1 }.cached(&cache);
    for _ in 0..2 {
        assert_eq!(repo.find(2).await, 2);
        assert_eq!(repo.search("ab", 1).await, 3);
        assert_eq!(repo.get(3).unwrap(), 3);
        repo.get(0).unwrap_err();
        assert_eq!(repo.last(3), 3);
    }
    assert_eq!(cache.stats().hit, 4);
    assert_eq!(repo.entry().get(3).peek().unwrap(), Some(3));
    assert_eq!(repo.entry().search(1).refresh("").await, 1);
    assert_eq!(repo.entry().last().refresh(4), 4);
    repo.forget(2).await;
    assert_eq!(repo.entry().get(3).peek().unwrap(), None);
    assert_eq!(repo.entry().find(2).peek().await.unwrap(), None);
    assert_eq!(repo.entry().search(1).peek().await.unwrap(), None);
    assert_eq!(repo.entry().last().peek().unwrap(), Some(4));

    let sibling = sibling::one::Repo.cached(&cache);
    assert_eq!(sibling.find(3) + sibling.search(3) + sibling.forget(3), 9);
    assert_eq!(sibling.entry().find(3).peek().unwrap(), None);
    assert_eq!(sibling.entry().search(3).peek().unwrap(), None);
    assert_eq!(
        sibling.find(3) + sibling.search(3) + sibling.forget_own(),
        9
    );
    assert_eq!(sibling.entry().find(3).peek().unwrap(), None);
    assert_eq!(sibling.entry().search(3).peek().unwrap(), Some(3));

    let other = Other.cached(&cache);
    assert_eq!(other.first() + other.second() + other.second(), 5);
}
