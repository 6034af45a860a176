//! Computing a value anew behind the calls that are served the old one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::commit::Committed;
use super::lease::{Asked, Lease};
use super::{commit, encoding};
use crate::cache::Cache;
use crate::deadline::Budget;
use crate::engine::scope::{Frame, Scope};
use crate::key::digest::{CallKey, Field};
use crate::method::Bound;
use crate::method::cacheability::Verdict;
use crate::method::freshness::{Due, Fresh};
use crate::method::return_type::{Shape, Value};
use crate::rt::blocking;
use crate::stats::Event;
use crate::store::Manner;
use crate::store::redis::Blocked;

/// Refreshes under way, and pauses after them, of one cache. More than that wait for a later call.
const MOST: usize = 4096;
/// A refresh that is still under way then does not keep others off any more.
const LONGEST: Duration = Duration::from_secs(60);
/// While another process is at it.
const BUSY: Duration = Duration::from_millis(500);

/// The fields that nobody else is to refresh, each until an instant.
#[derive(Debug, Default)]
pub(crate) struct Refreshes(Mutex<HashMap<Field, Instant>>);

/// The right to refresh a field, in this process. Its drop is followed by a pause.
pub(crate) struct Turn {
    all: Arc<Refreshes>,
    field: Field,
    pause: Duration,
}

impl Refreshes {
    /// `None` if somebody is at it, or has failed a short while ago.
    pub(crate) fn start(self: &Arc<Self>, field: Field, pause: Duration) -> Option<Turn> {
        let now = Instant::now();
        let mut until = self.until();
        if until.get(&field).is_some_and(|&until| until > now) {
            return None;
        }
        if until.len() >= MOST {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= MOST {
            return None;
        }
        until.insert(field, now + LONGEST);
        Some(Turn {
            all: self.clone(),
            field,
            pause,
        })
    }

    fn until(&self) -> MutexGuard<'_, HashMap<Field, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut until = self.all.until();
        if self.pause.is_zero() {
            until.remove(&self.field);
        } else {
            until.insert(self.field, Instant::now() + self.pause);
        }
    }
}

/// What a refresh needs to know.
pub(crate) struct Refresh {
    pub(crate) cache: Cache,
    pub(crate) bound: Arc<Bound>,
    pub(crate) key: CallKey,
    pub(crate) due: Due,
    pub(crate) turn: Turn,
}

impl Refresh {
    /// Runs the method, unless others are at it, and stores what it returned. `None` if that is
    /// nothing that could be served.
    pub(crate) async fn run<S, R>(
        mut self,
        verdict: impl Fn(&S::Stored) -> Verdict,
        method: impl Future<Output = R>,
    ) -> Option<R>
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let (cache, bound, key) = (&self.cache, &self.bound, self.key);
        let mut budget = Budget::new(cache.limits().deadline);
        let (manner, unwanted) = (Manner::Refreshes, self.due.unwanted);
        let (field, lead) = (key.field, None);
        let asked = Lease::ask(cache, bound, field, manner, unwanted, lead, &mut budget).await;
        let mut lease = match asked {
            Ok(Asked::Granted(lease)) => lease,
            Ok(Asked::Found { .. }) => {
                self.turn.pause = Duration::ZERO;
                return None;
            }
            Ok(Asked::Busy) => {
                self.turn.pause = self.turn.pause.min(BUSY);
                return None;
            }
            Err(error) => {
                commit::failed(cache, bound, &error);
                return None;
            }
        };
        // From here on whatever ends this without a value keeps all processes off for a while.
        lease.pause(self.turn.pause);
        cache.count(Some(bound), Event::exec, 1);
        let started = Instant::now();
        let scope = Scope::new(cache.id(), Frame::Computing(key.field));
        let returned = scope.run(method).await;
        let cost = started.elapsed();
        // Back to what was returned before the wait: that is known to be `Send`.
        let (put, returned) = {
            let stored = S::split(returned).ok()?;
            bound.took(cost);
            let ttl_ms = verdict(&stored).ttl_ms(bound.ttl_ms)?;
            let put = encoding::encode(cache, bound, key, &stored, cost, ttl_ms);
            (put, S::join(stored))
        };
        match put {
            Ok(put) => {
                let committed = commit::commit(cache, bound, lease, put, &mut budget).await;
                if committed != Committed::Overtaken {
                    self.turn.pause = Duration::ZERO;
                }
            }
            Err(error) => commit::outdated(cache, bound, key, &error, &mut budget).await,
        }
        Some(returned)
    }
}

/// Runs a refresh on the caller's runtime, or on a thread of its own where there is none.
pub(crate) fn spawn(refresh: impl Future<Output = ()> + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(refresh)),
        Err(_) => on_a_thread(refresh),
    }
}

/// Runs a refresh that blocks.
pub(crate) fn spawn_blocking(refresh: impl Future<Output = ()> + Send + 'static) {
    let wait = move || {
        let _blocked = Blocked::enter();
        blocking::wait(refresh);
    };
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(wait)),
        Err(_) => drop(std::thread::Builder::new().spawn(wait)),
    }
}

fn on_a_thread(refresh: impl Future<Output = ()> + Send + 'static) {
    // A thread that is refused is a refresh that a later call tries again.
    let _ = std::thread::Builder::new().spawn(move || blocking::wait(refresh));
}

/// The pause after a refresh of this method that came to nothing.
pub(crate) fn pause(bound: &Bound) -> Duration {
    Fresh::pause(bound.ttl_ms)
}
