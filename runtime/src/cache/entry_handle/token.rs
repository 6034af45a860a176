//! Storing under a fencing token: what has been overtaken is not stored.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::sync::oneshot;

use super::EntryHandle;
use crate::call::acquire::LeaseOrEntry;
use crate::call::attempt::{Attempt, KeyedCall};
use crate::call::lease::Lease;
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::scope::Mode;
use crate::entry::header;
use crate::error::{Error, ErrorKind};
use crate::key::digest::CallKey;
use crate::key::tags::TagIds;
use crate::method::return_type::{ReturnType, Value};
use crate::rt::timeout;
use crate::stats::Event;
use crate::store::{AcceptEntry, OnHeldLease, Put, PutDone, PutOutcome};

/// The right to store a value that was read manually, until something overtakes it:
/// [`EntryHandle::begin`] takes it before the value is read, and
/// [`put_if_current`](EntryHandle::put_if_current) uses it up.
///
/// It borrows nothing. While it is held, it is renewed in the background, and calls that miss this entry
/// wait for its value as they wait for any execution. If it is dropped, they go on.
#[must_use = "a token that is dropped is given back: keep it until `put_if_current`"]
pub struct EntryToken {
    lease: Lease,
    cache: u64,
    key: CallKey,
    since: Instant,
}

impl EntryToken {
    /// Overtakes every computation of the entry that is under way.
    pub(in crate::cache) async fn take(
        call: KeyedCall<'_>,
        on_held: OnHeldLease,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let (cache, key) = (call.engine.id(), call.key);
        let mut attempt = Attempt::unrecorded(call, Mode::default(), deadline);
        let acquired = attempt.acquire_lease(on_held, AcceptEntry::Never).await?;
        match acquired {
            LeaseOrEntry::Lease(lease) => Ok(Self {
                lease,
                cache,
                key,
                since: Instant::now(),
            }),
            LeaseOrEntry::Entry(_) | LeaseOrEntry::HeldElsewhere => {
                Err(Error::unavailable("the store gave no fencing token"))
            }
        }
    }

    /// How long the value took.
    pub(in crate::cache) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    fn into_lease_of(self, call: &KeyedCall<'_>) -> Result<Lease, Error> {
        if self.cache == call.engine.id() && self.key == call.key {
            return Ok(self.lease);
        }
        Err(Error::new(
            ErrorKind::Token,
            "the token belongs to another entry; call `begin` on the handle that `put_if_current` is called on",
        ))
    }

    /// Stores an entry unless the token has been overtaken, and counts that.
    ///
    /// # Errors
    /// It is the token of another entry, or the store does not answer.
    pub(in crate::cache) async fn put(self, call: &KeyedCall<'_>, put: Put) -> Result<bool, Error> {
        match self.store(call, put).await {
            Ok(PutOutcome::Stored(evicted)) => {
                call.count(Event::write, 1);
                call.count(Event::evicted, evicted);
                Ok(true)
            }
            Ok(PutOutcome::Fenced) => {
                call.count(Event::fenced, 1);
                Ok(false)
            }
            Err(error) => {
                call.engine.count_error(&call.method, error.kind());
                call.count(Event::unstored, 1);
                Err(error)
            }
        }
    }

    /// The same, uncounted. It goes on if the caller goes away.
    pub(in crate::cache) async fn store(
        self,
        call: &KeyedCall<'_>,
        mut put: Put,
    ) -> Result<PutOutcome, Error> {
        let mut lease = self.into_lease_of(call)?;
        lease.covers(&mut put);
        let bytes = header::length_of(&put.entry);
        let (publish, stored) = oneshot::channel();
        // The lease goes with the put: if this caller goes away, both go on without it.
        let done = PutDone::new(move |stored| {
            if stored.is_ok() {
                lease.close();
            }
            drop(publish.send(stored));
        });
        call.store().put(&call.method.pair, put, done);
        let in_time = timeout::within(HANDLE_DEADLINE, stored).await;
        let outcome = in_time
            .and_then(Result::ok)
            .unwrap_or_else(|| Err(Error::unavailable("the store did not answer in time")));
        if let Ok(PutOutcome::Stored(_)) = &outcome {
            call.count(Event::stored_bytes, bytes);
        }
        outcome
    }
}

impl<S, R, Run> EntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// Takes a fencing token, to be taken *before* a value is read manually and stored by
    /// [`put_if_current`](Self::put_if_current): so nothing that is older than an invalidation lands
    /// after it.
    ///
    /// ```
    /// # use redis_func_cache::{Cache, CacheExt as _, cache_impl};
    /// # struct Repo;
    /// # #[cache_impl]
    /// # impl Repo { async fn find(&self, id: u64) -> Result<String, String> { Ok(id.to_string()) } }
    /// # async fn read_the_row(id: u64) -> String { id.to_string() }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// # let repo = Repo.cached(&Cache::builder("shop").build()?);
    /// let entry = repo.entry().find(42);
    /// let token = entry.begin().await?;
    /// let row = read_the_row(42).await;
    /// let is_stored = entry.put_if_current(&row, token).await?;
    /// # assert!(is_stored);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Concurrency
    /// It overtakes whatever computes the entry: what that returns is not stored. Of two tokens of one
    /// entry, the later one counts. While the token is held, calls that find the entry are answered by
    /// it; of those that miss it, those in other processes wait for the value, and one in this process runs the
    /// method and may store what it returned, so that the token is used up. A token that is dropped is given back.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn begin(&self) -> Result<EntryToken, Error> {
        EntryToken::take(self.call()?, OnHeldLease::Preempt, HANDLE_DEADLINE).await
    }

    /// Stores a value as if the method had returned it, unless something has overtaken it since
    /// [`begin`](Self::begin): an invalidation, a purge, a `put`, a later `begin`, or a call that has stored a
    /// value. Returns whether it was stored.
    ///
    /// The time since `begin` is what the value has cost. `cache_if` and `ttl_fn` are not asked.
    ///
    /// # Concurrency
    /// The store compares and stores in one step. If the future is dropped, the value may or may not be stored,
    /// under the same condition.
    ///
    /// # Errors
    /// The token belongs to another entry ([`ErrorKind::Token`]); nothing is changed then, and the token is
    /// given back. The value cannot be encoded or is too large: the entry is removed, as it is older. Or the store
    /// does not answer.
    pub async fn put_if_current(
        &self,
        value: &S::Stored,
        token: EntryToken,
    ) -> Result<bool, Error> {
        let call = self.call()?;
        if call.is_part_of_its_write() {
            return token.into_lease_of(&call).map(|_| false);
        }
        let tags = self.value_tags(&call, value);
        let put = call.encode(value, token.age(), call.method.ttl_ms(), tags);
        match put {
            Ok(put) => token.put(&call, put).await,
            Err(error) => {
                token.into_lease_of(&call)?;
                Err(call.outdated(&error).await)
            }
        }
    }

    /// Stores a value as if the method had returned it. A value that was read from a row that may change
    /// meanwhile belongs into [`put_if_current`](Self::put_if_current).
    ///
    /// Where several builds of a program are at work, what the others have stored of this call is removed: they cannot
    /// read this value.
    ///
    /// # Concurrency
    /// It fences off every computation of this entry that is under way: what those return is not
    /// stored. If an invalidation or another `put` overtakes it, nothing of it is stored. Of two callers at the
    /// same time, the value of the later one stays, or none.
    ///
    /// # Errors
    /// The value cannot be encoded or is too large, or the store does not answer. In that case the value may be stored, and
    /// what other builds have stored may still be there: call it again.
    pub async fn put(&self, value: &S::Stored) -> Result<(), Error> {
        let call = self.call()?;
        if call.is_part_of_its_write() {
            return Ok(());
        }
        let tags = self.value_tags(&call, value);
        let put = match call.encode(value, Duration::ZERO, call.method.ttl_ms(), tags) {
            Ok(put) => put,
            Err(error) => return Err(call.outdated(&error).await),
        };
        let token = EntryToken::take(self.call()?, OnHeldLease::Preempt, HANDLE_DEADLINE).await;
        let token =
            token.inspect_err(|error| call.engine.count_error(&call.method, error.kind()))?;
        // Both are under way before one is waited for, and go on if this future is dropped.
        let (is_stored, others) =
            join(token.put(&call, put), call.drop_others(HANDLE_DEADLINE)).await;
        if is_stored? {
            return others.inspect_err(|error| {
                call.engine.count_error(&call.method, error.kind());
            });
        }
        // What has overtaken it may come to nothing, and then what was stored before would stay.
        call.drop_entry(HANDLE_DEADLINE).await.map(drop)
    }
}

impl<S, R, Run> EntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// The tags of a value that no call has returned. What asks for them takes what a method returns, so it is given a
    /// copy.
    fn value_tags(&self, call: &KeyedCall<'_>, value: &S::Stored) -> Result<TagIds, Error> {
        if !call.method.pair.tags.of_values {
            return Ok(TagIds::NONE);
        }
        let codec = &call.method.codec;
        let mut bytes = Vec::new();
        let copied = codec.encode(value, &mut bytes);
        let copied = copied.and_then(|()| codec.decode(&bytes));
        match copied {
            Ok(copy) => (self.cacheability)(&S::from_stored(copy)).value_tags(),
            Err(_) => Err(Error::new(
                ErrorKind::Encode,
                "the codec cannot encode the value",
            )),
        }
    }
}

impl fmt::Debug for EntryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryToken").finish_non_exhaustive()
    }
}
