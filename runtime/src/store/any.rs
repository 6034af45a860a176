//! Memory or Redis, chosen once by the builder.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;

use super::contract::{LookupReply, Store};
use super::memory::Memory;
use super::pair::{EntryOf, Pair};
use super::redis::{Lookup, Query, Redis};
#[cfg(feature = "test-util")]
use super::test_store::TestStore;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::settings::Touch;

/// What kind of store a cache keeps its entries in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreKind {
    /// The memory of this process: nothing is shared with others.
    Memory,
    /// One Redis server.
    Redis,
    /// A Redis cluster.
    RedisCluster,
    /// The primary that sentinels name.
    RedisSentinel,
}

/// A store of either kind. All operations but reads go through the [contract](Store).
pub(crate) enum AnyStore {
    Memory(Memory),
    Redis(Redis),
    #[cfg(feature = "test-util")]
    Test(TestStore),
}

impl AnyStore {
    /// [`Store::get`], which for most reads on Redis needs no box for its future.
    #[inline]
    pub(crate) fn read<'g>(
        &'g self,
        pair: &'g Arc<Pair>,
        field: Field,
        tags: &'g TagIds,
        wait: Timeout,
    ) -> PendingRead<'g> {
        match (self, pair.touch) {
            (Self::Redis(redis), Touch::Behind(_)) => PendingRead::Redis(redis.read(Query {
                pair,
                field,
                tags,
                wait,
            })),
            _ => {
                let wanted = EntryOf {
                    field,
                    method: pair.method,
                    tags: tags.clone(),
                };
                PendingRead::Boxed(self.get(pair, wanted, wait.at_most))
            }
        }
    }

    /// A store like this one, for a forked child. It waits for no thread and no lock of the parent's.
    pub(crate) fn in_child(&self) -> Self {
        match self {
            Self::Memory(memory) => Self::Memory(memory.in_child()),
            Self::Redis(redis) => Self::Redis(redis.in_child()),
            #[cfg(feature = "test-util")]
            Self::Test(store) => Self::Test(store.in_child()),
        }
    }
}

impl Deref for AnyStore {
    type Target = dyn Store;

    #[inline]
    fn deref(&self) -> &(dyn Store + 'static) {
        match self {
            Self::Memory(memory) => memory,
            Self::Redis(redis) => redis,
            #[cfg(feature = "test-util")]
            Self::Test(store) => store,
        }
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A read on its way.
pub(crate) enum PendingRead<'g> {
    Redis(Lookup<'g>),
    Boxed(Pin<Box<dyn Future<Output = Result<LookupReply, Error>> + Send + 'g>>),
}

impl Future for PendingRead<'_> {
    type Output = Result<LookupReply, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Redis(lookup) => Pin::new(lookup).poll(context),
            Self::Boxed(get) => get.as_mut().poll(context),
        }
    }
}
