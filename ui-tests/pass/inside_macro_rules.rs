#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

macro_rules! repository {
    ($ty:ident $wrapper:ident $($method:ident: $of:ty => $returns:ty),* ; $ttl:literal $policy:expr, $version:expr) => {
        struct $ty;

        #[cache_impl(ttl = $ttl, wrapper = $wrapper, policy = $policy, version = $version)]
        impl $ty {
            $(
                async fn $method(&self, id: $of) -> $returns {
                    <$returns>::from(id)
                }
            )*
        }
    };
}
repository!(Numbers NumberCache small: u8 => u16, large: u32 => u64; "5m" "lfu", 2);

macro_rules! whole {
    ($item:item) => {
        #[cache_impl(self_key = ())]
        $item
    };
}
struct Whole(u8);
whole! {
    impl Whole {
        async fn find(&self, id: u8) -> u8 {
            self.0 + id
        }
        fn look(&self, #[cache_skip] by: &u8) -> u8 {
            self.0 + by
        }
    }
}

macro_rules! body {
    ($ty:ty { $($body:tt)* } $self:ident $key:expr) => {
        #[cache_impl(self_key = $key)]
        impl $ty {
            $($body)*

            fn own(&self, id: u8) -> u8 {
                self.0 + id
            }

            fn given(&$self, id: u8) -> u8 {
                $self.0 + id
            }
        }
    };
}
struct Body(u8);
body! {
    Body {
        async fn find(&self, id: u8, #[cache_skip] by: u8) -> u8 {
            self.0 + id + by
        }
        fn future(&self, id: u8) -> impl Future<Output = u8> {
            let own = self.0;
            async move { own + id }
        }
        #[nocache]
        #[invalidates(find(id), own(..))]
        async fn forget(&self, id: u8) -> u8 {
            id
        }
    }
    self self.0
}

macro_rules! argument {
    ($name:ident, $pattern:pat, $life:lifetime) => {
        struct Argument;

        #[cache_impl]
        impl Argument {
            fn find<$life>(&$life self, $name: &$life u8, name: u8, $pattern: (u8, u8)) -> u8 {
                *$name + name
            }
        }
    };
}
argument!(name, (_, _), 'a);

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let numbers: NumberCache = Numbers.cached(&cache);
    let (whole, body, argument) = (
        Whole(1).cached(&cache),
        Body(2).cached(&cache),
        Argument.cached(&cache),
    );
    for _ in 0..2 {
        assert_eq!((numbers.small(1).await, numbers.large(2).await), (1, 2));
        assert_eq!((whole.find(1).await, whole.look(&1)), (2, 2));
        assert_eq!((body.find(1, 0).await, body.future(1).await), (3, 3));
        assert_eq!(
            (body.own(1), body.given(1), argument.find(&1, 2, (3, 4))),
            (3, 3, 3)
        );
    }
    assert_eq!(cache.stats().hit, 9);
    assert_eq!(body.forget(1).await, 1);
    assert_eq!(body.entry().find(1).peek().await.unwrap(), None);
    assert_eq!(body.entry().find(1).refresh(4).await, 7);
    assert_eq!(body.entry().given(1).peek().unwrap(), Some(3));
}
