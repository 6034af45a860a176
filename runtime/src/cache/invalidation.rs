//! Declared invalidation: entries that are dropped when a method has succeeded.

pub(super) mod retry;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Call;
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::pending::{MethodEntries, PendingEntries};
use crate::engine::transaction::TransactionScope;
use crate::engine::{Engine, detached, scope};
use crate::error::{Error, ErrorKind};
use crate::key::digest::{CallKey, FieldSet};
use crate::method::Method;
use crate::method::bound::BoundMethod;
use crate::method::return_type::ReturnType;
use crate::rt::blocking;
use crate::stats::Event;

/// Entries that a method with `#[invalidates(…)]` drops after it succeeded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Invalidation(Option<(Engine, Arc<BoundMethod>, MethodEntries)>);

impl Invalidation {
    /// All entries of a method.
    pub fn all(engine: &Engine, method: &'static Method) -> Self {
        // Why it could not be bound has been logged; such a method has no entries.
        let bound = engine.bind(method).ok();
        Self(bound.map(|bound| (engine.clone(), bound.into_arc(), MethodEntries::All)))
    }

    /// The entry of one call, if it has one.
    pub(super) fn of(entry: Option<(Engine, Arc<BoundMethod>, CallKey)>) -> Self {
        Self(entry.map(|(engine, bound, key)| (engine, bound, MethodEntries::of(key.field))))
    }

    /// The same without a handle.
    pub fn of_call(call: Call<'_>) -> Self {
        let call = call.entry().ok();
        Self::of(call.map(|call| (call.engine.clone(), call.method.into_arc(), call.key)))
    }

    pub(super) fn engine(&self) -> Option<&Engine> {
        self.0.as_ref().map(|(engine, ..)| engine)
    }

    /// The entries of many calls of one method, which are dropped by one request.
    pub fn each(of_calls: Vec<Self>) -> Self {
        let mut all = of_calls.into_iter().filter_map(|one| one.0);
        let Some((engine, bound, mut dropped)) = all.next() else {
            return Self(None);
        };
        all.for_each(|(.., more)| dropped.extend(more));
        Self(Some((engine, bound, dropped)))
    }
}

async fn drop_entries(
    engine: &Engine,
    bound: &BoundMethod,
    fields: &FieldSet,
) -> Result<(), Error> {
    let store = engine.store();
    let named = fields.iter().copied().collect();
    let dropped = store.delete(&bound.pair, named, HANDLE_DEADLINE).await;
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
    bound: Arc<BoundMethod>,
    kind: ErrorKind,
    /// It waits to be sent again.
    is_queued: bool,
}

/// Drops the entries, and queues what cannot be dropped now. Returns what failed.
pub(super) async fn apply(engine: Engine, entries: PendingEntries) -> Vec<FailedInvalidation> {
    let mut failed = Vec::new();
    for (bound, entries) in entries.into_methods() {
        if let Err(error) = drop_of(&engine, &bound, &entries).await {
            failed.push(retry::queue(&engine, bound, entries, &error));
        }
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
        engine.count_error(&bound, kind);
        engine.count(Some(&bound), event, 1);
        tracing::warn!(
            method = &*bound.site,
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
        for (_, bound, entries) in invalidations.into_iter().filter_map(|one| one.0) {
            self.entries.add(bound, entries);
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

/// An element of a list as a handle takes it: by reference, or as a copy.
#[doc(hidden)]
pub fn pass<'e, E: ?Sized, P: PassedElement<'e, E>>(element: &'e E) -> P {
    P::of(element)
}

/// What handles may take of an element of the type `E`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an element of this list is of the type `{E}`, and the method takes `{Self}`",
    label = "`each` passes an element by reference, or clones it",
    note = "name a list of what the method takes, such as `each find(users.iter().map(|user| user.id))`"
)]
pub trait PassedElement<'e, E: ?Sized> {
    fn of(element: &'e E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<'e, E: ?Sized> PassedElement<'e, E> for &'e E {
    fn of(element: &'e E) -> Self {
        element
    }
}

#[diagnostic::do_not_recommend]
impl<'e, E: Clone> PassedElement<'e, E> for E {
    fn of(element: &'e E) -> Self {
        element.clone()
    }
}

// Elements that are references themselves.
#[diagnostic::do_not_recommend]
impl<'e, T: Clone> PassedElement<'e, &T> for T {
    fn of(element: &'e &T) -> Self {
        (*element).clone()
    }
}

macro_rules! unsized_elements {
    ($([$($param:ident)?] $owned:ty => $lent:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'e $(, $param)?> PassedElement<'e, $owned> for &'e $lent {
            fn of(element: &'e $owned) -> Self {
                element
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'x $(, $param)?> PassedElement<'_, &'x $owned> for &'x $lent {
            fn of(element: &&'x $owned) -> Self {
                element
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'e $(, $param: Clone)?> PassedElement<'e, &$lent> for $owned {
            fn of(element: &'e &$lent) -> Self {
                (*element).to_owned()
            }
        }
    )*};
}
unsized_elements! {
    [] String => str;
    [T] Vec<T> => [T];
    [] std::path::PathBuf => std::path::Path;
}
