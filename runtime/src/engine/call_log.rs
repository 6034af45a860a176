//! The calls of a cache that is made for tests, in the order in which they ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stats::outcome::Outcome;

#[derive(Debug, Default)]
pub(crate) struct CallLog(Mutex<Vec<(String, Outcome)>>);

impl CallLog {
    pub(crate) fn record(&self, method: &str, outcome: Outcome) {
        self.calls().push((method.to_owned(), outcome));
    }

    pub(crate) fn snapshot(&self) -> Vec<(String, Outcome)> {
        self.calls().clone()
    }

    pub(crate) fn clear(&self) {
        self.calls().clear();
    }

    fn calls(&self) -> MutexGuard<'_, Vec<(String, Outcome)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
