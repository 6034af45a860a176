//! A method that writes, from its start to its end: what it invalidates, also in other caches and by what it returns, and
//! what it updates.
//!
//! Generated code keeps a [`Write`] around the method:
//!
//! ```ignore
//! let write = Write::begin(
//!     engine,
//!     vec![entries.find(id).invalidation()],
//!     vec![Invalidation::all(engine, by_email)],  // if the method does not return: in place of those of `ok`
//! );
//! let write = write.updating(vec![storing(&shape, entries.find(id).update())]).await;
//! let returned = method.await;
//! let of_ok = match stored_in(&shape, &returned) {
//!     Some(ok) => vec![entries.by_email(&ok.email).invalidation()],
//!     None => vec![],
//! };
//! write.end(shape, returned, of_ok).await
//! ```

use std::fmt;
use std::time::Duration;

use super::invalidation::{Invalidation, RunningWrite, apply_now};
use super::updates::{PreparedUpdate, Update, WriteEnd, begin_all, finish};
use crate::engine::{Engine, detached};
use crate::method::return_type::ReturnType;
use crate::rt::blocking;

/// A method that writes, from its start on. If it panics or is dropped, it may have written: then all that it names is
/// invalidated, and of methods whose entries only its result would have named, all entries.
#[doc(hidden)]
pub struct Write<'u, T> {
    /// For each cache, its own first: what is dropped in any case, and what else if the method does not return.
    caches: Vec<(RunningWrite, RunningWrite)>,
    updates: Vec<Update<'u, T>>,
}

impl<'u, T> Write<'u, T> {
    pub fn begin(
        engine: &Engine,
        invalidations: Vec<Invalidation>,
        otherwise: Vec<Invalidation>,
    ) -> Self {
        let mut write = Self {
            caches: Vec::new(),
            updates: Vec::new(),
        };
        write.cache(engine);
        write.add(invalidations);
        for one in otherwise {
            if let Some(engine) = one.engine().cloned() {
                write.cache(&engine).1.add(vec![one]);
            }
        }
        write
    }

    fn cache(&mut self, engine: &Engine) -> &mut (RunningWrite, RunningWrite) {
        let mut known = self.caches.iter();
        let known = known.position(|(running, _)| running.engine.id() == engine.id());
        let at = known.unwrap_or_else(|| {
            let begin = || RunningWrite::begin(engine, Vec::new());
            self.caches.push((begin(), begin()));
            self.caches.len() - 1
        });
        &mut self.caches[at]
    }

    fn add(&mut self, invalidations: Vec<Invalidation>) {
        for one in invalidations {
            if let Some(engine) = one.engine().cloned() {
                self.cache(&engine).0.add(vec![one]);
            }
        }
    }

    /// Takes a token on each entry that is to hold what the method returns, all of them in its own cache.
    #[must_use = "a write that is dropped invalidates"]
    pub async fn updating(mut self, mut updates: Vec<Update<'u, T>>) -> Self {
        let (running, _) = &mut self.caches[0];
        running.add(updates.iter().map(Update::invalidation).collect());
        if running.commit.is_none() && running.engine.mode().write {
            begin_all(&mut updates).await;
        }
        self.updates = updates;
        self
    }

    /// [`updating`](Self::updating) for a sync method.
    #[must_use = "a write that is dropped invalidates"]
    pub fn updating_blocking(self, updates: Vec<Update<'u, T>>) -> Self {
        blocking::wait(self.updating(updates))
    }

    /// The method has returned. If that is a success, invalidates entries, also those that its result names, and then
    /// stores the result in others. All of that goes on if the caller goes away.
    pub async fn end<S: ReturnType<R, Stored = T>, R>(
        mut self,
        _return_type: S,
        returned: R,
        of_ok: Vec<Invalidation>,
    ) -> R {
        let value = match S::into_stored(returned) {
            Ok(value) => value,
            Err(returned) => {
                for (running, otherwise) in self.caches {
                    running.cancel();
                    otherwise.cancel();
                }
                return returned;
            }
        };
        self.add(of_ok);
        let (running, otherwise): (Vec<_>, Vec<_>) = self.caches.into_iter().unzip();
        otherwise.into_iter().for_each(RunningWrite::cancel);
        let (value, mut prepared) = prepare(value, self.updates);
        for running in running {
            // The first is its own cache, and updates are of that.
            succeed(running, std::mem::take(&mut prepared)).await;
        }
        S::from_stored(value)
    }

    /// [`end`](Self::end) of a sync method.
    pub fn end_blocking<S: ReturnType<R, Stored = T>, R>(
        self,
        return_type: S,
        returned: R,
        of_ok: Vec<Invalidation>,
    ) -> R {
        blocking::wait(self.end(return_type, returned, of_ok))
    }
}

fn prepare<T>(mut value: T, updates: Vec<Update<'_, T>>) -> (T, Vec<PreparedUpdate>) {
    let mut prepared = Vec::new();
    for update in updates {
        let (same, put) = update.prepare(value);
        value = same;
        prepared.extend(put);
    }
    (value, prepared)
}

async fn succeed(running: RunningWrite, updates: Vec<PreparedUpdate>) {
    let engine = running.engine.clone();
    let mut entries = running.succeeded();
    if updates.is_empty() {
        return apply_now(&engine, entries).await;
    }
    for update in &updates {
        let (_, bound, key) = update.entry.named();
        entries.leave_out(&bound, key.field);
    }
    let late = {
        let engine = engine.clone();
        move |end: WriteEnd| end.count(&engine)
    };
    let finish = finish(engine.clone(), entries, updates);
    if let Some(end) = detached::within(&engine, Duration::MAX, finish, late).await {
        end.count(&engine);
    }
}

/// What `ok` stands for, if there is one.
#[doc(hidden)]
pub fn stored_in<'r, S: ReturnType<R>, R>(
    _return_type: &S,
    returned: &'r R,
) -> Option<&'r S::Stored> {
    S::stored_in(returned)
}

// What is to be stored is not for logs.
impl<T> fmt::Debug for Write<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}
