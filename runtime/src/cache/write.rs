//! A method that writes, where what it invalidates depends on what it returns, or is in several caches.

use std::fmt;

use super::invalidation::{Invalidation, Running};
use crate::engine::Engine;
use crate::method::return_type::ReturnType;
use crate::rt::blocking;

/// A method with `#[invalidates(…)]`, from its start on. If it panics or is dropped, it may have written, so entries are
/// dropped all the same; those that what it returns would have named are not known then, so all entries of their methods
/// are.
#[doc(hidden)]
pub struct Write {
    /// For each cache what is dropped in any case, and what else if the method does not return.
    caches: Vec<(Running, Running)>,
}

impl Write {
    pub fn begin(
        engine: &Engine,
        invalidations: Vec<Invalidation>,
        otherwise: Vec<Invalidation>,
    ) -> Self {
        let mut write = Self { caches: Vec::new() };
        // Its own cache comes first.
        write.cache(engine);
        for one in invalidations {
            write.add(one);
        }
        for one in otherwise {
            if let Some(engine) = one.engine().cloned() {
                write.cache(&engine).1.add(one);
            }
        }
        write
    }

    fn cache(&mut self, engine: &Engine) -> &mut (Running, Running) {
        let known = self
            .caches
            .iter()
            .position(|(running, _)| running.is_of(engine));
        let at = known.unwrap_or_else(|| {
            let begin = || Running::begin(engine);
            self.caches.push((begin(), begin()));
            self.caches.len() - 1
        });
        &mut self.caches[at]
    }

    fn add(&mut self, one: Invalidation) {
        if let Some(engine) = one.engine().cloned() {
            self.cache(&engine).0.add(one);
        }
    }

    /// The method has returned: if that is a success, drops the entries, and those of `of_ok`.
    pub async fn end<S: ReturnType<R>, R>(
        mut self,
        _return_type: S,
        returned: R,
        of_ok: Vec<Invalidation>,
    ) -> R {
        let done = S::into_stored(returned);
        if done.is_ok() {
            for one in of_ok {
                self.add(one);
            }
        }
        let (running, otherwise): (Vec<_>, Vec<_>) = self.caches.into_iter().unzip();
        otherwise.into_iter().for_each(Running::cancel);
        for running in running {
            if done.is_ok() {
                running.succeed().await;
            } else {
                running.cancel();
            }
        }
        match done {
            Ok(done) => S::from_stored(done),
            Err(returned) => returned,
        }
    }

    /// [`end`](Self::end) of a sync method.
    pub fn end_blocking<S: ReturnType<R>, R>(
        self,
        return_type: S,
        returned: R,
        of_ok: Vec<Invalidation>,
    ) -> R {
        blocking::wait(self.end(return_type, returned, of_ok))
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

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}
