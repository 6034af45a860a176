//! `TagEntries`: all entries of one tag, of whichever method.

use std::fmt;

use serde::Serialize;

use super::Cache;
use super::invalidation;
use crate::engine::Engine;
use crate::engine::pending::PendingTags;
use crate::error::Error;
use crate::key::tags::Tag;
use crate::rt::blocking;
use crate::store::{EndedTags, TagEnd};

impl Cache {
    /// All entries of this cache that have a tag, whichever method, process and build stored them.
    ///
    /// Methods give their entries tags by `#[cache(tags(user = id))]`, from arguments and `self`, or by
    /// `#[cache(tags_fn = Self::tags_of)]`, from values. `value` is compared by what it says, whatever its type:
    /// `&7` finds what was tagged with a `7u64`. A tag that no method has is no error.
    ///
    /// ```
    /// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
    ///
    /// struct Orders;
    ///
    /// #[cache_impl]
    /// impl Orders {
    ///     #[cache(tags(user = user_id))]
    ///     async fn of(&self, user_id: u64, page: u32) -> Vec<u64> { vec![user_id, u64::from(page)] }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// let cache = Cache::builder("shop").build()?;
    /// let orders = Orders.cached(&cache);
    /// orders.of(7, 1).await;
    /// cache.tag("user", &7).invalidate().await?;
    /// assert_eq!(orders.entry().of(7, 1).peek().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tag<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> TagEntries {
        TagEntries {
            engine: self.engine().clone(),
            tag: Tag::new(name, value),
        }
    }
}

/// All entries of one tag in one cache: [`Cache::tag`].
pub struct TagEntries {
    engine: Engine,
    tag: Result<Tag, Error>,
}

impl TagEntries {
    /// Removes all entries of the tag.
    ///
    /// After it has returned `Ok`, no later call, in any process, returns a value that was computed before it:
    /// computations that were under way store nothing, and later calls are not given what they return. Entries without the
    /// tag stay.
    ///
    /// It is one write for each pair that may hold such entries, whatever the number of entries; those count in
    /// [`len`](Cache::len) until the policy evicts them, or their `ttl` has passed. Which pairs there are is read from an
    /// index in the store. If that was lost, the pairs are found by a scan of the server's keys, once.
    ///
    /// A pair remembers 10,000 tags. When there are more, the older half is forgotten, and what was computed before
    /// those were invalidated counts as invalidated, whatever its tags.
    ///
    /// It applies at once, whatever mode is on. Inside [`after_commit`](Cache::after_commit) it is deferred, and returns
    /// `Ok`.
    ///
    /// # Concurrency
    /// Of two callers at the same time, both are given the guarantee. Calls that joined an execution before the
    /// invalidation may still be given its value. If the future is dropped before it returns, entries may or may not be
    /// gone.
    ///
    /// # Errors
    /// The value cannot be serialized, or the store does not answer: entries may still be there; call it again.
    pub async fn invalidate(&self) -> Result<(), Error> {
        let tags = PendingTags::of(self.tag()?.clone());
        if invalidation::are_tags_deferred(&self.engine, &tags) {
            return Ok(());
        }
        invalidation::end_tags(&self.engine, &tags).await
    }

    /// [`invalidate`](Self::invalidate), on a thread that waits.
    ///
    /// # Errors
    /// As there.
    pub fn invalidate_sync(&self) -> Result<(), Error> {
        blocking::wait(self.invalidate())
    }

    /// Has all entries of the tag count as past their `ttl`, and not as absent: those of a method with `stale` are
    /// served while they are refreshed, until that has passed as well, counted from when they were stored. Those of
    /// other methods are absent.
    ///
    /// It promises less than [`invalidate`](Self::invalidate): what is being computed is stored, and is refreshed with
    /// the next call. It applies at once, also inside [`after_commit`](Cache::after_commit).
    ///
    /// # Concurrency
    /// As there.
    ///
    /// # Errors
    /// As there.
    pub async fn expire(&self) -> Result<(), Error> {
        let tags = EndedTags::Of(vec![self.tag()?.clone()]);
        let (engine, keys) = (&self.engine, self.engine.key_space());
        let ended = engine.store().end_tags(&keys, &tags, TagEnd::Expire).await;
        ended.map(|forgotten| engine.count_forgotten_tags(forgotten))
    }

    /// [`expire`](Self::expire), on a thread that waits.
    ///
    /// # Errors
    /// As there.
    pub fn expire_sync(&self) -> Result<(), Error> {
        blocking::wait(self.expire())
    }

    fn tag(&self) -> Result<&Tag, Error> {
        self.tag.as_ref().map_err(Error::again)
    }
}

// Values are not for logs.
impl fmt::Debug for TagEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.tag.as_ref().ok().map(|tag| &tag.name);
        f.debug_struct("TagEntries")
            .field("name", &name)
            .finish_non_exhaustive()
    }
}
