//! Declared invalidation: entries that are dropped when a method has succeeded.

mod elements;
pub(super) mod retry;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use self::elements::pass;
use crate::call::Call;
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::pending::{MethodEntries, PendingEntries, PendingTags};
use crate::engine::transaction::TransactionScope;
use crate::engine::{Engine, detached, scope};
use crate::error::{Error, ErrorKind};
use crate::key::digest::{CallKey, FieldSet};
use crate::key::tags::Tag;
use crate::method::Method;
use crate::method::bound::BoundMethod;
use crate::method::return_type::ReturnType;
use crate::rt::blocking;
use crate::stats::Event;
use crate::store::{OfBuilds, TagEnd};

/// Entries that a method with `#[invalidates(…)]` drops after it succeeded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Invalidation(Option<(Engine, DroppedEntries)>);

/// What is dropped.
#[derive(Debug)]
enum DroppedEntries {
    OfMethod(Arc<BoundMethod>, MethodEntries),
    OfTags(PendingTags),
}

impl Invalidation {
    /// All entries of a method.
    pub fn all(engine: &Engine, method: &'static Method) -> Self {
        // Why it could not be bound has been logged; such a method has no entries.
        let bound = engine.bind(method).ok();
        let dropped =
            bound.map(|bound| DroppedEntries::OfMethod(bound.into_arc(), MethodEntries::All));
        Self(dropped.map(|dropped| (engine.clone(), dropped)))
    }

    /// The entry of one call, if it has one.
    pub(super) fn of(entry: Option<(Engine, Arc<BoundMethod>, CallKey)>) -> Self {
        Self(entry.map(|(engine, bound, key)| {
            let entries = MethodEntries::of(key.field);
            (engine, DroppedEntries::OfMethod(bound, entries))
        }))
    }

    /// The same without a handle.
    pub fn of_call(call: Call<'_>) -> Self {
        let call = call.entry().ok();
        Self::of(call.map(|call| (call.engine.clone(), call.method.into_arc(), call.key)))
    }

    /// The entries of a tag, of all methods.
    pub fn of_tag<T: Serialize + ?Sized>(engine: &Engine, name: &str, value: &T) -> Self {
        let tags = match Tag::new(name, value) {
            Ok(tag) => PendingTags::of(tag),
            Err(error) => {
                tracing::warn!(%error, "redis-func-cache: all tags are invalidated, as the value of one cannot be serialized");
                PendingTags::All
            }
        };
        Self(Some((engine.clone(), DroppedEntries::OfTags(tags))))
    }

    /// Of a tag whose value is not known: the entries of all tags.
    pub fn of_any_tag(engine: &Engine) -> Self {
        let tags = DroppedEntries::OfTags(PendingTags::All);
        Self(Some((engine.clone(), tags)))
    }

    pub(super) fn engine(&self) -> Option<&Engine> {
        self.0.as_ref().map(|(engine, _)| engine)
    }

    /// The entries of many calls of one method, which are dropped by one request.
    pub fn each(of_calls: Vec<Self>) -> Self {
        let mut all = of_calls.into_iter().filter_map(|one| one.0);
        let Some((engine, mut dropped)) = all.next() else {
            return Self(None);
        };
        for (_, more) in all {
            if let (DroppedEntries::OfMethod(_, entries), DroppedEntries::OfMethod(_, more)) =
                (&mut dropped, more)
            {
                entries.extend(more);
            }
        }
        Self(Some((engine, dropped)))
    }
}

async fn drop_entries(
    engine: &Engine,
    bound: &BoundMethod,
    fields: &FieldSet,
) -> Result<(), Error> {
    let store = engine.store();
    let named = fields.iter().copied().collect();
    let dropped = store
        .delete(&bound.pair, named, OfBuilds::All, HANDLE_DEADLINE)
        .await;
    for field in fields {
        engine.flights().detach(*field);
    }
    dropped.map(drop)
}

/// Drops all entries of a method. Later calls do not join what is being computed for it.
pub(super) async fn drop_all(engine: &Engine, bound: &BoundMethod) -> Result<(), Error> {
    let store = engine.store();
    let dropped = store.delete_method(&bound.pair, bound.owns_pair).await;
    engine.flights().detach_method(bound.pair.method);
    dropped
}

/// Drops all entries of tags. Later calls may join what is being computed for one, and are not given what that returns: it
/// is fenced, and one of them computes.
pub(super) async fn end_tags(engine: &Engine, tags: &PendingTags) -> Result<(), Error> {
    let (store, ended) = (engine.store(), tags.ended());
    let keys = engine.key_space();
    let dropped = store.end_tags(&keys, &ended, TagEnd::Invalidate).await;
    dropped.map(|forgotten| engine.count_forgotten_tags(forgotten))
}

async fn drop_of(
    engine: &Engine,
    bound: &BoundMethod,
    entries: &MethodEntries,
) -> Result<(), Error> {
    match entries {
        MethodEntries::Of(fields) => drop_entries(engine, bound, fields).await,
        MethodEntries::All => drop_all(engine, bound).await,
    }
}

/// An invalidation that could not be sent when it was declared.
pub(super) struct FailedInvalidation {
    /// `None` for tags.
    bound: Option<Arc<BoundMethod>>,
    kind: ErrorKind,
    /// It waits to be sent again.
    is_queued: bool,
}

/// Drops the entries, and queues what cannot be dropped now. Returns what failed.
pub(super) async fn apply(engine: Engine, entries: PendingEntries) -> Vec<FailedInvalidation> {
    let mut failed = Vec::new();
    let (methods, tags) = entries.into_parts();
    for (bound, entries) in methods {
        if let Err(error) = drop_of(&engine, &bound, &entries).await {
            failed.push(retry::queue(&engine, bound, &entries, &error));
        }
    }
    if !tags.is_empty()
        && let Err(error) = end_tags(&engine, &tags).await
    {
        failed.push(retry::queue_tags(&engine, &tags, &error));
    }
    failed
}

pub(super) fn count(engine: &Engine, failed: Vec<FailedInvalidation>) {
    for FailedInvalidation {
        bound,
        kind,
        is_queued,
    } in failed
    {
        let event = if is_queued {
            Event::queued
        } else {
            Event::lost
        };
        let bound = bound.as_deref();
        match bound {
            Some(bound) => engine.count_error(bound, kind),
            None => engine.count(None, Event::error, 1),
        }
        engine.count(bound, event, 1);
        tracing::warn!(
            method = bound.map(|bound| &*bound.site),
            %kind,
            is_queued,
            "redis-func-cache: an invalidation failed"
        );
    }
}

/// Drops the entries, and what cannot be dropped now later on. It goes on if the caller goes away.
pub(super) async fn apply_now(engine: &Engine, entries: PendingEntries) {
    if entries.is_empty() {
        return;
    }
    let late = {
        let engine = engine.clone();
        move |failed| count(&engine, failed)
    };
    let applied = apply(engine.clone(), entries);
    // As long as it takes, which its own deadlines bound: a later call sees what was written.
    if let Some(failed) = detached::within(engine, Duration::MAX, applied, late).await {
        count(engine, failed);
    }
}

/// The same, in the background.
pub(super) fn apply_later(engine: &Engine, entries: PendingEntries) {
    if entries.is_empty() {
        return;
    }
    let its = engine.clone();
    detached::start(engine, async move {
        let failed = apply(its.clone(), entries).await;
        count(&its, failed);
    });
}

/// Has the transaction that this task is inside of drop the entries when it has committed; `false` outside of one.
pub(super) fn is_deferred(
    engine: &Engine,
    bound: Arc<BoundMethod>,
    entries: MethodEntries,
) -> bool {
    let Some(transaction) = scope::transaction(engine.id()) else {
        return false;
    };
    let mut deferred = PendingEntries::default();
    deferred.add(bound, entries);
    transaction.defer(deferred).is_empty()
}

/// The same of tags.
pub(super) fn are_tags_deferred(engine: &Engine, tags: &PendingTags) -> bool {
    let Some(transaction) = scope::transaction(engine.id()) else {
        return false;
    };
    let mut deferred = PendingEntries::default();
    deferred.add_tags(tags.clone());
    transaction.defer(deferred).is_empty()
}

/// What a method declares, from its start on. If the method is dropped or panics, it may have written, so
/// its entries are dropped.
pub(super) struct RunningWrite {
    pub(super) engine: Engine,
    /// The transaction that it is a part of.
    pub(super) transaction: Option<Arc<TransactionScope>>,
    entries: PendingEntries,
}

impl RunningWrite {
    pub(super) fn begin(engine: &Engine, invalidations: Vec<Invalidation>) -> Self {
        let mut running = Self {
            engine: engine.clone(),
            transaction: scope::transaction(engine.id()),
            entries: PendingEntries::default(),
        };
        running.add(invalidations);
        running
    }

    pub(super) fn add(&mut self, invalidations: Vec<Invalidation>) {
        for (_, dropped) in invalidations.into_iter().filter_map(|one| one.0) {
            match dropped {
                DroppedEntries::OfMethod(bound, entries) => self.entries.add(bound, entries),
                DroppedEntries::OfTags(tags) => self.entries.add_tags(tags),
            }
        }
    }

    /// The method has returned, and nothing is to be dropped.
    pub(super) fn cancel(mut self) {
        self.entries = PendingEntries::default();
    }

    /// The method has succeeded. Returns what is to be dropped now: nothing in a transaction.
    pub(super) fn succeeded(mut self) -> PendingEntries {
        let entries = std::mem::take(&mut self.entries);
        self.outside_of_transaction(entries)
    }

    /// Has the transaction drop the entries. Returns what is not in one.
    fn outside_of_transaction(&self, entries: PendingEntries) -> PendingEntries {
        match &self.transaction {
            Some(transaction) => transaction.defer(entries),
            None => entries,
        }
    }
}

impl Drop for RunningWrite {
    fn drop(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        apply_later(&self.engine, self.outside_of_transaction(entries));
    }
}

/// Awaits a method and, if what it returned is a success, drops the entries before it returns. They
/// are dropped also if the caller is dropped meanwhile, or the method panics.
#[doc(hidden)]
pub async fn invalidate_after<S: ReturnType<R>, R>(
    engine: &Engine,
    invalidations: Vec<Invalidation>,
    _return_type: S,
    method: impl Future<Output = R>,
) -> R {
    let running = RunningWrite::begin(engine, invalidations);
    let returned = method.await;
    let done = match S::into_stored(returned) {
        Ok(done) => done,
        Err(returned) => {
            running.cancel();
            return returned;
        }
    };
    let entries = running.succeeded();
    apply_now(engine, entries).await;
    S::from_stored(done)
}

/// [`invalidate_after`] for a sync method.
#[doc(hidden)]
pub fn invalidate_after_blocking<S: ReturnType<R>, R>(
    engine: &Engine,
    invalidations: Vec<Invalidation>,
    return_type: S,
    method: impl FnOnce() -> R,
) -> R {
    blocking::wait(invalidate_after(
        engine,
        invalidations,
        return_type,
        async { method() },
    ))
}
