//! `#[updates(find(id))]`: what a method returns is stored as an entry of another one.
//!
//! Generated code makes the updates before the method runs, from handles, and hands them over with what is to be
//! invalidated:
//!
//! ```ignore
//! let updates = vec![entries.find(id).update()];             // EntryHandle<S, R, Run> -> Update<'_, S::Stored>
//! update_after(
//!     engine,
//!     vec![entries.by_email(email).invalidation()],          // as for `invalidate_after`
//!     |ok| vec![entries.by_email(&ok.email).invalidation()], // of what was returned; `|_| Vec::new()` without `ok`
//!     updates,
//!     shape,                                                 // of the method that writes: its `Stored` is what the
//!     method,                                                // updated methods store, or the types do not match
//! ).await
//! ```
//!
//! [`update_after_blocking`] is the same for a sync method, which is a closure. `updates` may be empty: then it is
//! `invalidate_after` with `ok`. A handle of a sync method has `update()` too.
//!
//! Each entry is taken a token on before the method runs, so that readers from before it store nothing. When the method
//! has succeeded, invalidations come first, without those that name an updated entry alone; then each value is stored
//! under its token. If the token no longer holds (another writer, an invalidation of all entries of the method), or the
//! value is not to be stored, the entry is invalidated instead, which ends every token on it. So two writers
//! that race leave the later value, or none. In a transaction, and where a mode forbids to store, an update is an
//! invalidation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::entry_handle::blocking::BlockingEntryHandle;
use super::entry_handle::token::EntryToken;
use super::entry_handle::{Entry, EntryHandle};
use super::invalidation::{FailedInvalidation, Invalidation, RunningWrite, apply, count};
use crate::call::commit::count_put;
use crate::call::failure;
use crate::engine::pending::{MethodEntries, PendingEntries};
use crate::engine::{Engine, detached};
use crate::error::Error;
use crate::method::bound::BoundMethod;
use crate::method::return_type::{ReturnType, Value};
use crate::rt::blocking;
use crate::store::{Put, PutOutcome};

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
impl<'a, S, R, Run> EntryHandle<'a, S, R, Run>
where
    S: ReturnType<R> + 'a,
    S::Stored: Value,
    R: 'a,
{
    pub fn update(self) -> Update<'a, S::Stored> {
        let (entry, cacheability, _) = self.into_parts();
        let encode: Encode<'a, S::Stored> = Box::new(move |value, entry, cost| {
            let returned = S::from_stored(value);
            let cacheability = cacheability(&returned);
            let Ok(value) = S::into_stored(returned) else {
                unreachable!("what is stored of a value is that value");
            };
            let call = entry.call();
            let ttl_ms = cacheability.ttl_ms(call.method.ttl_ms);
            let put = ttl_ms.map(|ttl_ms| call.encode(&value, cost, ttl_ms));
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
impl<'a, S, R, Run> BlockingEntryHandle<'a, S, R, Run>
where
    S: ReturnType<R> + 'a,
    S::Stored: Value,
    R: 'a,
{
    pub fn update(self) -> Update<'a, S::Stored> {
        self.into_waiting().update()
    }
}

impl<T> Update<'_, T> {
    /// Overtakes every computation of the entry. Without a token the entry will be invalidated.
    async fn begin(&mut self) {
        let Some(entry) = &self.entry else { return };
        let call = entry.call();
        let (engine, method) = (call.engine, call.method.to_arc());
        match EntryToken::take(call, engine.limits().deadline).await {
            Ok(token) => self.token = Some(token),
            Err(error) => failure::record(engine, &method, &error),
        }
    }

    fn invalidation(&self) -> Invalidation {
        Invalidation::of(self.entry.as_ref().map(Entry::named))
    }

    /// What is to be stored of the value, if it may be.
    fn prepare(self, value: T) -> (T, Option<PreparedUpdate>) {
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
struct PreparedUpdate {
    entry: Entry,
    token: EntryToken,
    put: Put,
}

impl PreparedUpdate {
    async fn store(self) -> StoredUpdate {
        let Self { entry, token, put } = self;
        let call = entry.call();
        let outcome = token.store(&call, put).await;
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

/// What a write came to, to be counted where it was called.
struct WriteEnd {
    stored: Vec<StoredUpdate>,
    failed: Vec<FailedInvalidation>,
}

impl WriteEnd {
    fn count(self, engine: &Engine) {
        for StoredUpdate { bound, outcome, .. } in self.stored {
            count_put(engine, &bound, outcome);
        }
        count(engine, self.failed);
    }
}

/// Invalidates, then stores the updates, and invalidates those that could not be stored.
async fn finish(engine: Engine, entries: PendingEntries, updates: Vec<PreparedUpdate>) -> WriteEnd {
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

/// Awaits a method and, if what it returned is a success, invalidates entries and stores that value in others before it
/// returns. It does so also if the caller is dropped meanwhile. If the method panics or is dropped, all these entries are
/// invalidated.
#[doc(hidden)]
pub async fn update_after<S: ReturnType<R>, R>(
    engine: &Engine,
    invalidations: Vec<Invalidation>,
    of_ok: impl FnOnce(&S::Stored) -> Vec<Invalidation>,
    mut updates: Vec<Update<'_, S::Stored>>,
    _return_type: S,
    method: impl Future<Output = R>,
) -> R {
    let mut running = RunningWrite::begin(engine, invalidations);
    if running.commit.is_none() && engine.mode().write {
        join_all(updates.iter_mut().map(Update::begin)).await;
    }
    running.add(updates.iter().map(Update::invalidation).collect());
    let returned = method.await;
    let mut value = match S::into_stored(returned) {
        Ok(value) => value,
        Err(returned) => {
            running.cancel();
            return returned;
        }
    };
    running.add(of_ok(&value));
    let mut prepared = Vec::new();
    for update in updates {
        let (same, put) = update.prepare(value);
        value = same;
        prepared.extend(put);
    }
    let mut entries = running.succeeded();
    for update in &prepared {
        let (bound, key) = update.entry.named();
        entries.leave_out(&bound, key.field);
    }
    if !entries.is_empty() || !prepared.is_empty() {
        let late = {
            let engine = engine.clone();
            move |end: WriteEnd| end.count(&engine)
        };
        let finish = finish(engine.clone(), entries, prepared);
        if let Some(end) = detached::within(engine, Duration::MAX, finish, late).await {
            end.count(engine);
        }
    }
    S::from_stored(value)
}

/// [`update_after`] for a sync method.
#[doc(hidden)]
pub fn update_after_blocking<S: ReturnType<R>, R>(
    engine: &Engine,
    invalidations: Vec<Invalidation>,
    of_ok: impl FnOnce(&S::Stored) -> Vec<Invalidation>,
    updates: Vec<Update<'_, S::Stored>>,
    return_type: S,
    method: impl FnOnce() -> R,
) -> R {
    blocking::wait(update_after(
        engine,
        invalidations,
        of_ok,
        updates,
        return_type,
        async { method() },
    ))
}

// What is to be stored is not for logs.
impl<T> fmt::Debug for Update<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").finish_non_exhaustive()
    }
}
