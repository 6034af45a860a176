//! `#[updates(find(id))]`: what a method returns is stored as an entry of another one.
//!
//! Each entry is taken a token on before the method runs, so that readers from before it store nothing. When the method
//! has succeeded, invalidations come first, without those that name an updated entry alone; then each value is stored
//! under its token, and what other builds of the program have stored of its call is removed. If the token no longer holds
//! (another writer, an invalidation of all entries of the method), or the value is not to be stored, the entry is
//! invalidated instead, which ends every token on it. So two writers that race leave the later value, or none. In a
//! transaction, and where a mode forbids to store, an update is an invalidation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};

use super::entry_handle::blocking::BlockingEntryHandle;
use super::entry_handle::token::EntryToken;
use super::entry_handle::{Entry, EntryHandle};
use super::invalidation::{FailedInvalidation, Invalidation, apply, count};
use crate::call::commit::count_put;
use crate::call::failure;
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::engine::pending::{MethodEntries, PendingEntries};
use crate::error::Error;
use crate::method::bound::BoundMethod;
use crate::method::return_type::{ReturnType, Value};
use crate::store::{OnHeldLease, Put, PutOutcome};

/// An entry that is to hold what a method returns.
#[doc(hidden)]
pub struct Update<'a, T> {
    /// `None` if its arguments cannot be a key: then there is no entry to be out of date.
    entry: Option<Entry>,
    token: Option<EntryToken>,
    encode: Encode<'a, T>,
}

/// What is to be stored of a value; `None` for one that the method's options do not have stored.
type Encode<'a, T> =
    Box<dyn FnOnce(T, &Entry, Duration) -> (T, Option<Result<Put, Error>>) + Send + 'a>;

#[doc(hidden)]
impl<S, R, Run> EntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    // It borrows nothing of what the handle was made by, which the method may be lent.
    pub fn update<'u>(self) -> Update<'u, S::Stored>
    where
        S: 'u,
        R: 'u,
    {
        let (entry, cacheability, _) = self.into_parts();
        let encode: Encode<'u, S::Stored> = Box::new(move |value, entry, cost| {
            let returned = S::from_stored(value);
            let cacheability = cacheability(&returned);
            let Ok(value) = S::into_stored(returned) else {
                unreachable!("what is stored of a value is that value");
            };
            let call = entry.call();
            let ttl_ms = cacheability.ttl_ms(call.method.ttl_ms());
            let tags = cacheability.value_tags();
            let put = ttl_ms.map(|ttl_ms| call.encode(&value, cost, ttl_ms, tags));
            (value, put)
        });
        Update {
            entry: entry.ok(),
            token: None,
            encode,
        }
    }
}

#[doc(hidden)]
impl<S, R, Run> BlockingEntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    pub fn update<'u>(self) -> Update<'u, S::Stored>
    where
        S: 'u,
        R: 'u,
    {
        self.into_waiting().update()
    }
}

impl<T> Update<'_, T> {
    /// Overtakes every computation of the entry. Without a token the entry will be invalidated.
    async fn begin(&mut self) {
        let Some(entry) = &self.entry else { return };
        let call = entry.call();
        let (engine, method) = (call.engine, call.method.to_arc());
        // A write may take long, and readers do not wait for it.
        let on_held = OnHeldLease::PreemptAndYield;
        match EntryToken::take(call, on_held, engine.limits().deadline).await {
            Ok(token) => self.token = Some(token),
            Err(error) => failure::record(engine, &method, &error),
        }
    }

    pub(super) fn invalidation(&self) -> Invalidation {
        Invalidation::of(self.entry.as_ref().map(Entry::named))
    }

    /// What is to be stored of the value, if it may be.
    pub(super) fn prepare(self, value: T) -> (T, Option<PreparedUpdate>) {
        let Self {
            entry,
            token,
            encode,
        } = self;
        let (Some(entry), Some(token)) = (entry, token) else {
            return (value, None);
        };
        let (value, put) = encode(value, &entry, token.age());
        let prepared = match put {
            Some(Ok(put)) => Some(PreparedUpdate { entry, token, put }),
            Some(Err(error)) => {
                entry.call().failed(&error);
                None
            }
            None => None,
        };
        (value, prepared)
    }
}

/// A value on its way into the store.
pub(super) struct PreparedUpdate {
    pub(super) entry: Entry,
    token: EntryToken,
    put: Put,
}

impl PreparedUpdate {
    async fn store(self) -> StoredUpdate {
        let Self { entry, token, put } = self;
        let call = entry.call();
        let (outcome, others) =
            join(token.store(&call, put), call.drop_others(HANDLE_DEADLINE)).await;
        let outcome = outcome.and_then(|outcome| others.map(|()| outcome));
        // Later calls do not join what has been computed before the write.
        call.engine.flights().detach(call.key.field);
        StoredUpdate {
            bound: call.method.to_arc(),
            entries: MethodEntries::of(call.key.field),
            outcome,
        }
    }
}

/// What became of an update.
struct StoredUpdate {
    bound: Arc<BoundMethod>,
    entries: MethodEntries,
    outcome: Result<PutOutcome, Error>,
}

/// What the updates of a write came to, to be counted where it was called.
pub(super) struct WriteEnd {
    stored: Vec<StoredUpdate>,
    failed: Vec<FailedInvalidation>,
}

impl WriteEnd {
    pub(super) fn count(self, engine: &Engine) {
        for StoredUpdate { bound, outcome, .. } in self.stored {
            count_put(engine, &bound, outcome);
        }
        count(engine, self.failed);
    }
}

/// Invalidates, then stores the updates, and invalidates those that could not be stored.
pub(super) async fn finish(
    engine: Engine,
    entries: PendingEntries,
    updates: Vec<PreparedUpdate>,
) -> WriteEnd {
    let mut failed = apply(engine.clone(), entries).await;
    let stored = join_all(updates.into_iter().map(PreparedUpdate::store)).await;
    let mut left = PendingEntries::default();
    for update in &stored {
        if !matches!(update.outcome, Ok(PutOutcome::Stored(_))) {
            left.add(update.bound.clone(), update.entries.clone());
        }
    }
    failed.extend(apply(engine, left).await);
    WriteEnd { stored, failed }
}

/// Takes a token on each entry.
pub(super) async fn begin_all<T>(updates: &mut [Update<'_, T>]) {
    join_all(updates.iter_mut().map(Update::begin)).await;
}

/// An update by a method, which is to return what the entry holds.
#[doc(hidden)]
pub fn storing<'u, S, R, T>(_return_type: &S, update: Update<'u, T>) -> Update<'u, S::Stored>
where
    S: ReturnType<R>,
    T: StoredAs<S::Stored>,
{
    T::same(update)
}

/// What an entry holds, against what a method that updates it returns.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this method gives a `{V}` to store, and the entries of the updated method hold `{Self}`",
    label = "the types of the two methods differ",
    note = "let both return the same, or write `#[invalidates(…)]`"
)]
pub trait StoredAs<V>: Sized {
    fn same(update: Update<'_, Self>) -> Update<'_, V>;
}

#[diagnostic::do_not_recommend]
impl<T> StoredAs<T> for T {
    fn same(update: Update<'_, T>) -> Update<'_, T> {
        update
    }
}

// What is to be stored is not for logs.
impl<T> fmt::Debug for Update<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").finish_non_exhaustive()
    }
}
