//! The fields that are being refreshed by this process, and those whose refresh has failed a short while ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::key::digest::Field;

/// Refreshes under way, and backoffs after failed ones, of one cache. Beyond that a later call refreshes.
const MAX: usize = 4096;
/// After this time a refresh that is still under way no longer prevents another.
const LONGEST: Duration = Duration::from_secs(60);
/// The fields that no other call may refresh, each until an instant.
#[derive(Debug, Default)]
pub(crate) struct Refreshes(Mutex<HashMap<Field, Instant>>);

/// The right to refresh a field in this process. Its drop starts the backoff.
pub(crate) struct RefreshPermit {
    all: Arc<Refreshes>,
    field: Field,
    pub(crate) backoff: Duration,
}

impl Refreshes {
    /// `None` while a refresh of the field is under way, or in backoff after one that failed.
    pub(crate) fn start(
        self: &Arc<Self>,
        field: Field,
        backoff: Duration,
    ) -> Option<RefreshPermit> {
        let now = Instant::now();
        let mut until = self.until();
        if until.get(&field).is_some_and(|&until| until > now) {
            return None;
        }
        if until.len() >= MAX {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= MAX {
            return None;
        }
        until.insert(field, now + LONGEST);
        Some(RefreshPermit {
            all: self.clone(),
            field,
            backoff,
        })
    }

    fn until(&self) -> MutexGuard<'_, HashMap<Field, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RefreshPermit {
    fn drop(&mut self) {
        let mut until = self.all.until();
        if self.backoff.is_zero() {
            until.remove(&self.field);
        } else {
            until.insert(self.field, Instant::now() + self.backoff);
        }
    }
}
