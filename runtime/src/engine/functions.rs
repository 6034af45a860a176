//! The functions of one cache, by their names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::method::bound::BoundMethod;
use crate::method::function::{Function, FunctionOptions};

/// Names are constants of a program: more of them are ids, which belong into keys.
const MOST_FUNCTIONS: usize = 1000;

/// The functions that were built, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    by_name: Mutex<HashMap<String, Arc<Function>>>,
    has_warned: AtomicBool,
}

impl Functions {
    /// The function of this name and with these options; `bind` decides all of them for a new one.
    ///
    /// # Errors
    /// The name has other options already, there are too many names, or the options do not fit the cache.
    pub(crate) fn intern(
        &self,
        name: String,
        options: FunctionOptions,
        bind: impl FnOnce(&Function) -> Result<Arc<BoundMethod>, Error>,
    ) -> Result<Arc<Function>, Error> {
        let mut by_name = self.by_name();
        if let Some(known) = by_name.get(&name) {
            let differences = known.options().differences(&options);
            return match differences.as_slice() {
                [] => Ok(known.clone()),
                differences => Err(other_options(&name, differences)),
            };
        }
        if by_name.len() >= MOST_FUNCTIONS {
            drop(by_name);
            return Err(self.too_many());
        }
        let function = Function::new(name.clone(), options);
        function.bound_or(|| bind(&function))?;
        let function = Arc::new(function);
        by_name.insert(name, function.clone());
        Ok(function)
    }

    /// Lists a function that was built by the parent of this process.
    pub(crate) fn adopt(&self, function: &Arc<Function>) {
        let mut by_name = self.by_name();
        let listed = by_name.entry(function.name().to_owned());
        listed.or_insert_with(|| function.clone());
    }

    /// What a child process knows: all of it, unless a thread that the child does not have was building a
    /// function at the time of the fork, and holds the lock for ever.
    pub(crate) fn in_child(&self) -> Self {
        let by_name = self.by_name.try_lock().map(|known| known.clone());
        Self {
            by_name: Mutex::new(by_name.unwrap_or_default()),
            has_warned: AtomicBool::default(),
        }
    }

    /// The bindings of this process.
    pub(crate) fn bound(&self) -> Vec<Arc<BoundMethod>> {
        let by_name = self.by_name();
        let bound = by_name.values().filter_map(|function| function.bound());
        bound.cloned().collect()
    }

    // Without the name: it may be an id.
    #[cold]
    fn too_many(&self) -> Error {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                functions = MOST_FUNCTIONS,
                "redis-func-cache: a cache has no room for more names of functions; names are constants, and what varies belongs into the key"
            );
        }
        Error::config(format!(
            "this cache has {MOST_FUNCTIONS} functions already, which is the most; the name of a function is a \
             constant, so put what varies (an id, a tenant) into the key"
        ))
    }

    fn by_name(&self) -> MutexGuard<'_, HashMap<String, Arc<Function>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cold]
fn other_options(name: &str, differences: &[&str]) -> Error {
    Error::config(format!(
        "the function `{name}` of this cache was built before with another `{}`; build it once and clone it, or \
         give one of the two another name",
        differences.join("`, `")
    ))
}
