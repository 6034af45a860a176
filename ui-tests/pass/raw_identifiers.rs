#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

mod r#mod {
    #[allow(non_camel_case_types)]
    pub(crate) struct r#struct;
}

#[cache_impl]
impl r#mod::r#struct {
    async fn r#match(&self, r#type: u8, #[cache_skip] r#fn: u8) -> u8 {
        r#type + r#fn
    }

    fn r#loop<r#T: serde::Serialize>(&self, _type: r#T) -> u8 {
        2
    }

    #[nocache]
    #[invalidates(r#match(r#in), r#loop(..))]
    async fn r#for(&self, r#in: u8) -> u8 {
        r#in
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let wrapper: Cachedstruct = r#mod::r#struct.cached(&cache);
    for _ in 0..2 {
        assert_eq!(wrapper.r#match(1, 2).await, 3);
        assert_eq!(wrapper.r#loop("a"), 2);
    }
    let stats = cache.method_stats();
    assert!(
        stats
            .keys()
            .any(|site| site.ends_with("mod::struct::match")),
        "{stats:?}"
    );
    assert_eq!(wrapper.r#for(1).await, 1);
    assert_eq!(wrapper.entry().r#match(1).peek().await.unwrap(), None);
    assert_eq!(wrapper.entry().r#loop("a").peek().unwrap(), None);
    assert_eq!(wrapper.entry().r#match(1).refresh(5).await, 6);
}
