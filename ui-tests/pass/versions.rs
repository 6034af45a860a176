#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

const VERSION: &str = "const";

macro_rules! versions {
    ($($name:ident $version:expr;)*) => {$(
        struct $name;

        #[cache_impl(version = $version)]
        impl $name {
            fn find(&self, id: u8) -> u8 {
                id
            }
            #[cache(version = 3)]
            fn look(&self, id: u8) -> u8 {
                id
            }
        }
    )*};
}
versions! {
    Number 2;
    Text "v2";
    Environment env!("CARGO_PKG_VERSION");
    Constant VERSION;
    Joined concat!("a", "b");
}

struct Direct;

#[cache_impl(version = env!("CARGO_PKG_VERSION"))]
impl Direct {
    fn find(&self, id: u8) -> u8 {
        id
    }
    #[cache(version = crate::versions::VERSION)]
    fn look(&self, id: u8) -> u8 {
        id
    }
    #[cache(version = "v2")]
    fn text(&self, id: u8) -> u8 {
        id
    }
}

pub fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let (number, text) = (Number.cached(&cache), Text.cached(&cache));
    let (environment, constant) = (Environment.cached(&cache), Constant.cached(&cache));
    let (joined, direct) = (Joined.cached(&cache), Direct.cached(&cache));
    let sum = number.find(1) + text.find(1) + environment.find(1) + constant.find(1);
    assert_eq!(
        sum + joined.look(1) + direct.find(1) + direct.look(1) + direct.text(1),
        8
    );
}
