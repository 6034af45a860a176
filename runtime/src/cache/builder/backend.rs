//! The store that the builder is set to use, until it is opened.

#[cfg(feature = "test-util")]
use std::sync::Arc;

#[cfg(feature = "test-util")]
use tokio::sync::watch;

use crate::error::Error;
use crate::store::memory::Memory;
use crate::store::redis::{Redis, Target, Tls};
#[cfg(feature = "test-util")]
use crate::store::test_store::{TestFaults, TestStore};
use crate::store::{AnyStore, Clock, StoreKind};

/// Where the entries will be stored.
pub(super) enum Backend {
    Memory,
    Redis(String),
    #[cfg(feature = "cluster")]
    Cluster(Vec<String>),
    #[cfg(feature = "sentinel")]
    Sentinel(Vec<String>, String),
    #[cfg(feature = "test-util")]
    Test(Arc<watch::Sender<TestFaults>>),
}

impl Backend {
    pub(super) fn kind(&self) -> StoreKind {
        match self {
            Self::Memory => StoreKind::Memory,
            Self::Redis(_) => StoreKind::Redis,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => StoreKind::RedisCluster,
            #[cfg(feature = "sentinel")]
            Self::Sentinel(..) => StoreKind::RedisSentinel,
            #[cfg(feature = "test-util")]
            Self::Test(_) => StoreKind::Memory,
        }
    }

    pub(super) fn open(self, cache: &str, clock: Clock, tls: &Tls) -> Result<AnyStore, Error> {
        let target = match self {
            Self::Memory => return Ok(AnyStore::Memory(Memory::new(clock))),
            Self::Redis(url) => Target::one(&url, tls)?,
            #[cfg(feature = "cluster")]
            Self::Cluster(urls) => Target::cluster(&urls, tls)?,
            #[cfg(feature = "sentinel")]
            Self::Sentinel(urls, service) => Target::sentinel(&urls, &service, tls)?,
            #[cfg(feature = "test-util")]
            Self::Test(faults) => {
                return Ok(AnyStore::Test(TestStore::new(Memory::new(clock), faults)));
            }
        };
        Ok(AnyStore::Redis(Redis::new(
            cache,
            target.named(cache),
            clock,
        )))
    }
}
