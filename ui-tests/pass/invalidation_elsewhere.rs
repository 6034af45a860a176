//! Calls in `#[invalidates]` by paths and of results, wherever they stand.

use std::sync::LazyLock;

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

/// Names of ours, and those that are keywords.
pub struct Orders;

#[cache_impl]
impl Orders {
    pub async fn entries(&self, id: u64) -> u64 {
        id
    }

    pub async fn r#type(&self, r#mod: &str) -> usize {
        r#mod.len()
    }

    pub async fn pairs(&self, (user, year): (u64, u16), names: &[String]) -> u64 {
        user + u64::from(year) + names.len() as u64
    }

    pub async fn any(&self, name: impl AsRef<str> + Send, id: impl Into<u64> + Send) -> u64 {
        name.as_ref().len() as u64 + id.into()
    }

    #[cfg(not(miri))]
    pub async fn on_some(&self, id: u64) -> u64 {
        id
    }
}

/// With generics of all kinds.
pub struct Store<'s, D, const N: usize>(pub &'s D);

#[cache_impl]
impl<D: Sync + Send, const N: usize> Store<'_, D, N> {
    pub async fn get<K: serde::Serialize + Send + Sync>(&self, key: &K) -> u64 {
        let _ = key;
        N as u64
    }
}

pub mod rates {
    use super::{CACHE, cache_fn};

    #[cache_fn(cache = CACHE)]
    pub async fn rate(code: &str) -> f64 {
        code.len() as f64
    }

    #[cache_fn(cache = CACHE, handle = limits)]
    pub fn limit<const DAYS: u64>(code: &str) -> u64 {
        DAYS + code.len() as u64
    }
}

macro_rules! writer {
    ($ty:ident, $find:ident, $ok:ident, [$($call:tt)*]) => {
        #[cache_impl]
        impl $ty {
            async fn $find(&self, id: u64) -> u64 {
                id
            }

            #[nocache]
            #[invalidates($find(*$ok), Orders::entries(*$ok + id), $($call)*)]
            async fn write(&self, id: u64) -> u64 {
                id
            }
        }
    };
}

struct FromMacro;
writer!(FromMacro, find, ok, [rates::rate(&format!("{}", ok))]);

struct Repo;

#[cache_impl(crate = redis_func_cache)]
impl Repo {
    async fn by_text(&self, text: String) -> usize {
        text.len()
    }

    #[nocache]
    #[invalidates(
        by_text(format!("{} {}", ok.len(), id)),
        Orders::r#type(ok),
        Orders::pairs((id, 2026), std::slice::from_ref(ok)),
        Orders::any("a", 1_u8),
        Orders::on_some(id),
        Store::<'_, u8, 3>::get(&id),
        Store::<'_, u8, 3>::get::<String>(ok),
        <Store<'static, String, 4>>::get(..),
        crate::invalidation_elsewhere::rates::limits::<3>(ok),
        rates::limits(..),
    )]
    async fn write(&self, id: u64) -> Result<String, std::num::ParseIntError> {
        Ok(id.to_string())
    }

    #[nocache]
    #[invalidates(each Orders::pairs((id, 1), names), each by_text(ok.iter().cloned()), each <Orders>::r#type(names.concat()))]
    fn write_all(&self, id: u64, names: &Vec<Vec<String>>) -> Vec<String> {
        let _ = id;
        names.concat()
    }
}

#[async_trait::async_trait]
trait Boxed {
    async fn find(&self, id: u64) -> u64;
    async fn write(&self, id: u64, name: &str) -> Option<u64>;
}

#[cache_impl]
#[async_trait::async_trait]
impl Boxed for u8Holder {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(find(ok.unwrap_or_default()), Orders::r#type(name))]
    async fn write(&self, id: u64, name: &str) -> Option<u64> {
        let _ = name;
        Some(id)
    }
}

#[allow(non_camel_case_types)]
struct u8Holder;

pub fn main() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }

    struct Local;

    #[cache_impl]
    impl Local {
        async fn find(&self, id: u64) -> u64 {
            id
        }

        #[nocache]
        #[invalidates(find(*ok), Orders::entries(*ok))]
        async fn write(&self, id: u64) -> u64 {
            id
        }
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let local = Local.cached(&CACHE);
        assert_eq!(is_send(local.write(7)).await, 7);
        let repo = Repo.cached(&CACHE);
        assert_eq!(is_send(repo.write(7)).await.unwrap(), "7");
        assert_eq!(repo.write_all(7, &vec![vec!["a".to_owned()]]), ["a"]);
        let boxed = u8Holder.cached(&CACHE);
        assert_eq!(is_send(boxed.write(7, "a")).await, Some(7));
        assert_eq!(is_send(FromMacro.cached(&CACHE).write(7)).await, 7);
    });
}
