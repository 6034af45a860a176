//! Declared invalidation: entries that are dropped when a method has succeeded.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::engine::detached;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::Method;
use crate::method::bound::BoundMethod;
use crate::method::return_type::ReturnType;
use crate::rt::blocking;
use crate::stats::Event;

/// Entries that a method with `#[invalidates(…)]` drops after it succeeded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Invalidation(Option<(Arc<BoundMethod>, DroppedEntries)>);

/// What is dropped of a method.
#[derive(Debug)]
enum DroppedEntries {
    All,
    Of(Vec<CallKey>),
}

impl Invalidation {
    /// All entries of a method.
    pub fn all(engine: &Engine, method: &'static Method) -> Self {
        // Why it could not be bound has been logged; such a method has no entries.
        let bound = engine.bind(method).ok();
        Self(bound.map(|bound| (bound.into_arc(), DroppedEntries::All)))
    }

    /// The entry of one call, if it has one.
    pub(super) fn of(entry: Option<(Arc<BoundMethod>, CallKey)>) -> Self {
        Self(entry.map(|(bound, key)| (bound, DroppedEntries::Of(vec![key]))))
    }

    /// The entries of many calls of one method, which are dropped by one request.
    pub fn each(of_calls: Vec<Self>) -> Self {
        let mut all = of_calls.into_iter().filter_map(|one| one.0);
        let Some((bound, mut dropped)) = all.next() else {
            return Self(None);
        };
        for (_, more) in all {
            match (&mut dropped, more) {
                (DroppedEntries::Of(keys), DroppedEntries::Of(more)) => keys.extend(more),
                (dropped, _) => *dropped = DroppedEntries::All,
            }
        }
        Self(Some((bound, dropped)))
    }

    async fn apply(self, engine: &Engine) -> Result<(), LostInvalidation> {
        let Some((bound, dropped)) = self.0 else {
            return Ok(());
        };
        let dropped = match dropped {
            DroppedEntries::Of(keys) => drop_entries(engine, &bound, &keys).await,
            DroppedEntries::All => drop_all(engine, &bound).await,
        };
        dropped.map_err(|error| LostInvalidation(bound, error))
    }
}

async fn drop_entries(engine: &Engine, bound: &BoundMethod, keys: &[CallKey]) -> Result<(), Error> {
    let fields = keys.iter().map(|key| key.field).collect();
    let store = engine.store();
    let dropped = store.delete(&bound.pair, fields, HANDLE_DEADLINE).await;
    for key in keys {
        engine.flights().detach(key.field);
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

/// An invalidation that failed.
struct LostInvalidation(Arc<BoundMethod>, Error);

/// Drops the entries, and returns what could not be dropped.
async fn apply(engine: Engine, invalidations: Vec<Invalidation>) -> Vec<LostInvalidation> {
    let mut lost = Vec::new();
    for invalidation in invalidations {
        lost.extend(invalidation.apply(&engine).await.err());
    }
    lost
}

fn count(engine: &Engine, lost: Vec<LostInvalidation>) {
    for LostInvalidation(bound, error) in lost {
        engine.count(Some(&bound), Event::error, 1);
        tracing::warn!(method = &*bound.site, kind = %error.kind(), "redis-func-cache: an invalidation failed");
    }
}

/// A method that has not ended. If it is dropped or panics, it may have written, so its entries are
/// dropped in the background.
struct Running<'a> {
    engine: &'a Engine,
    invalidations: Vec<Invalidation>,
}

impl Running<'_> {
    fn ended(mut self) -> Vec<Invalidation> {
        std::mem::take(&mut self.invalidations)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let invalidations = std::mem::take(&mut self.invalidations);
        if invalidations.is_empty() {
            return;
        }
        let engine = self.engine.clone();
        detached::start(self.engine, async move {
            let lost = apply(engine.clone(), invalidations).await;
            count(&engine, lost);
        });
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
    let running = Running {
        engine,
        invalidations,
    };
    let returned = method.await;
    let invalidations = running.ended();
    let done = match S::into_stored(returned) {
        Ok(done) => done,
        Err(returned) => return returned,
    };
    let late = {
        let engine = engine.clone();
        move |lost| count(&engine, lost)
    };
    let applied = apply(engine.clone(), invalidations);
    // As long as it takes, which its own deadlines bound: a later call sees what was written.
    if let Some(lost) = detached::within(engine, Duration::MAX, applied, late).await {
        count(engine, lost);
    }
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
