//! The leases that computations of this process hold or have asked for.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::settings::ms;
use crate::store::{Pair, Token};

/// How long others wait for the lease of a process that died.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// Leases that are asked for at a time.
const TURNS: usize = 64;
/// Of a computation that runs for ten minutes: no call waits for it any more.
const MOST_RENEWALS: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Leases {
    tracked: Mutex<HashMap<Token, TrackedLease>>,
    /// Whether a task renews them.
    pub(super) is_renewing: AtomicBool,
    /// Calls that ask for leases wait for each other in this process: requests that were sent would
    /// keep the server busy even if their callers no longer waited.
    turns: Semaphore,
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            tracked: Mutex::default(),
            is_renewing: AtomicBool::new(false),
            turns: Semaphore::new(TURNS),
        }
    }
}

#[derive(Debug)]
struct TrackedLease {
    pair: Arc<Pair>,
    field: Field,
    is_granted: bool,
    renewals: u32,
}

impl Leases {
    fn tracked(&self) -> MutexGuard<'_, HashMap<Token, TrackedLease>> {
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease is about to be asked for.
    pub(crate) fn track(&self, token: Token, pair: &Arc<Pair>, field: Field) {
        self.tracked().entry(token).or_insert_with(|| TrackedLease {
            pair: pair.clone(),
            field,
            is_granted: false,
            renewals: 0,
        });
    }

    /// Waits for a turn to ask. That callers wait for each other says nothing about the server.
    pub(super) async fn turn(&self, at_most: Duration) -> Result<SemaphorePermit<'_>, Error> {
        let turn = tokio::time::timeout(at_most, self.turns.acquire()).await;
        // The semaphore is never closed.
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            Error::unavailable("too many calls ask for leases").with_fault(Fault::Nothing)
        })
    }

    pub(super) fn is_wanted(&self, token: Token) -> bool {
        self.tracked().contains_key(&token)
    }

    /// The computation has ended, or its caller was dropped.
    pub(crate) fn forget_lease(&self, token: Token) {
        self.tracked().remove(&token);
    }

    /// `false` if no call wants the lease any more.
    pub(super) fn grant(&self, token: Token) -> bool {
        let mut tracked = self.tracked();
        let Some(lease) = tracked.get_mut(&token) else {
            return false;
        };
        lease.is_granted = true;
        true
    }

    pub(super) fn has_granted(&self) -> bool {
        self.tracked().values().any(|lease| lease.is_granted)
    }

    /// The leases that are to be renewed now.
    pub(super) fn due(&self) -> Vec<(Token, Arc<Pair>, Field)> {
        let mut tracked = self.tracked();
        tracked.retain(|_, lease| lease.renewals < MOST_RENEWALS);
        let granted = tracked.iter_mut().filter(|(_, lease)| lease.is_granted);
        let due = granted.map(|(&token, lease)| {
            lease.renewals += 1;
            (token, lease.pair.clone(), lease.field)
        });
        due.collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.tracked().is_empty()
    }
}

/// A lease in the arguments of a script.
pub(crate) type FieldToken = (Field, Token);

/// The arguments of a renewal.
pub(crate) fn renewal_args(leases: &[FieldToken]) -> Vec<Vec<u8>> {
    let each = leases.iter();
    let each = each.flat_map(|(field, token)| [field.0.to_vec(), token.0.to_vec()]);
    let lease_ms = ms(LEASE).to_string().into_bytes();
    std::iter::once(lease_ms).chain(each).collect()
}
