//! What a call that runs its method does for others.

use std::sync::Arc;
use std::time::Duration;

use super::lease::Lease;
use super::{backlog, discard, encoding, unstorable};
use crate::cache::Cache;
use crate::deadline::Budget;
use crate::engine::detached;
use crate::engine::single_flight::{Joined, Lead};
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::stats::Event;
use crate::store::{Put, Stored};

/// What storing a value may take once its turn has come, most of it behind its caller.
const STORING: Duration = Duration::from_secs(1);

/// What a call that runs its method does for others.
#[derive(Default)]
pub(crate) struct Role {
    /// Other calls of this process wait for it.
    pub(crate) lead: Option<Lead>,
    /// It may store the value.
    pub(crate) lease: Option<Lease>,
    /// Those who had joined before the method ran: the value is as new as their calls.
    before_run: Option<Joined>,
}

/// What the store says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Nothing had overtaken it.
    Current,
    Overtaken,
    /// The store is in trouble, or has not answered yet.
    Unknown,
}

impl Role {
    /// The method is about to run.
    pub(crate) fn starts(&mut self) {
        self.before_run = self.joined();
    }

    /// Whether anybody has a use for the value but its caller.
    pub(crate) fn is_of_use(&self, kept: bool) -> bool {
        (kept && self.lease.is_some()) || self.lead.as_ref().is_some_and(Lead::has_followers)
    }

    /// The method returned nothing that could be stored or shared.
    pub(crate) fn failed(self) {
        if let Some(lead) = self.lead {
            lead.failed();
        }
    }

    /// Stores the value, if it is to be kept, and gives it to those who wait: to all who had joined
    /// before the store was asked, if that says that nothing has overtaken the value, and to those
    /// alone who had joined before the method ran, if it says nothing. For others it may be too old.
    pub(crate) async fn land(
        mut self,
        cache: &Cache,
        bound: &Arc<Bound>,
        key: CallKey,
        (entry, kept): (Result<Put, Error>, bool),
        budget: &mut Budget,
    ) {
        let put = match entry {
            Ok(put) => put,
            Err(error) => {
                if kept && self.lease.is_some() {
                    outdated(cache, bound, key, &error, budget).await;
                } else {
                    failed(cache, bound, &error);
                }
                // What cannot be an entry is nothing for others: they run the method, more at a time.
                return self.failed();
            }
        };
        let Some(lease) = self.lease.take() else {
            // The store is in trouble, and cannot tell whether anything has overtaken the value.
            if let Some(lead) = &mut self.lead {
                lead.computed(encoding::landed(&put), Joined::ALL);
            }
            return;
        };
        let before_asking = self.joined();
        let is_followed = |joined| {
            let lead = self.lead.as_ref();
            lead.is_some_and(|lead| lead.is_followed_since(joined))
        };
        let landed = before_asking
            .filter(|&joined| is_followed(joined))
            .map(|_| encoding::landed(&put));
        let committed = if kept {
            commit(cache, bound, lease, put, budget).await
        } else {
            lease.holds(budget).await
        };
        let joined = match committed {
            Committed::Current => before_asking,
            Committed::Unknown => self.before_run,
            // There is, or will be, a later value for them.
            Committed::Overtaken => None,
        };
        if let (Some(lead), Some(landed), Some(joined)) = (&mut self.lead, landed, joined) {
            lead.computed(landed, joined);
        }
    }

    fn joined(&self) -> Option<Joined> {
        self.lead.as_ref().map(Lead::joined)
    }
}

/// Stores a value under its lease. It goes on behind the caller once its time is over, or when it
/// goes away.
pub(crate) async fn commit(
    cache: &Cache,
    bound: &Arc<Bound>,
    mut lease: Lease,
    mut put: Put,
    budget: &mut Budget,
) -> Committed {
    let Some(room) = backlog::room(put.entry.tail.len()) else {
        let error = Error::unavailable("too many values wait to be stored");
        failed(cache, bound, &error);
        return Committed::Unknown;
    };
    put.token = Some(lease.token());
    let (its_cache, its_bound) = (cache.clone(), bound.clone());
    let storing = async move {
        let stored = its_cache.store().put(&its_bound.pair, put, STORING).await;
        drop(room);
        if stored.is_ok() {
            lease.close();
        }
        stored
    };
    let (its_cache, its_bound) = (cache.clone(), bound.clone());
    let late = move |stored| {
        committed(&its_cache, &its_bound, stored);
    };
    let wait = budget.start();
    let stored = detached::within(cache, wait.at_most, storing, late).await;
    budget.stop();
    stored.map_or(Committed::Unknown, |stored| committed(cache, bound, stored))
}

fn committed(cache: &Cache, bound: &Bound, stored: Result<Stored, Error>) -> Committed {
    match stored {
        Ok(Stored::Overtaken) => Committed::Overtaken,
        Ok(Stored::Evicting(evicted)) => {
            cache.count(Some(bound), Event::write, 1);
            cache.count(Some(bound), Event::evicted, evicted);
            Committed::Current
        }
        Err(error) => {
            failed(cache, bound, &error);
            Committed::Unknown
        }
    }
}

/// There is a newer value, which cannot be stored: the older one goes.
pub(crate) async fn outdated(
    cache: &Cache,
    bound: &Arc<Bound>,
    key: CallKey,
    error: &Error,
    budget: &mut Budget,
) {
    failed(cache, bound, error);
    let outdated = budget.spend(|left| discard::outdated(cache, bound, key, left));
    if let Err(error) = outdated.await {
        failed(cache, bound, &error);
    }
}

pub(crate) fn failed(cache: &Cache, bound: &Bound, error: &Error) {
    cache.count(Some(bound), Event::error, 1);
    if unstorable::is_value(error) {
        return unstorable::warn(bound, error);
    }
    tracing::debug!(method = bound.site, kind = %error.kind(), %error, "redis-func-cache: the cache failed, the method runs");
}
