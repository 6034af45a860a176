#![deny(warnings)]
//! In the wrapper too, `Self` is the user's type.

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Amount(u64);

impl From<u64> for Amount {
    fn from(of: u64) -> Self {
        Self(of)
    }
}

#[cache_impl(self_key = Self::key(self))]
impl Amount {
    const LIMIT: usize = 2;

    fn key(this: &Self) -> u64 {
        this.0
    }

    fn plus(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    async fn all(&self, others: [Self; Self::LIMIT]) -> Result<Vec<Self>, String> {
        Ok(others.map(|other| self.plus(&other)).to_vec())
    }

    fn into_it(&self, other: impl Into<Self> + Serialize) -> Option<Self> {
        Some(self.plus(&other.into()))
    }

    async fn bounded<T>(&self, other: T) -> (Self, u8)
    where
        Self: From<T> + Clone,
        T: Serialize,
    {
        (self.plus(&Self::from(other)), 1)
    }

    async fn skips(&self, #[cache_skip] other: &Self, by: &[Self]) -> Box<Self> {
        by.iter().for_each(drop);
        Box::new(self.plus(other))
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let one = Amount(1).cached(&cache);
    for _ in 0..2 {
        assert_eq!(one.plus(&Amount(2)), Amount(3));
        assert_eq!(
            one.all([Amount(1), Amount(2)]).await.unwrap(),
            [Amount(2), Amount(3)]
        );
        assert_eq!(one.into_it(4u64), Some(Amount(5)));
        assert_eq!(one.bounded(5u64).await, (Amount(6), 1));
        assert_eq!(*one.skips(&Amount(6), &[Amount(7)]).await, Amount(7));
    }
    assert_eq!(cache.stats().hit, 5);
    assert_eq!(one.entry().plus(&Amount(2)).refresh(), Amount(3));
    assert_eq!(*one.entry().skips(&[]).refresh(&Amount(3)).await, Amount(4));
    assert_eq!(
        one.entry().into_it(4u64).peek().unwrap(),
        Some(Some(Amount(5)))
    );
    assert_eq!(Amount(2).cached(&cache).plus(&Amount(2)), Amount(4));
}
