//! What a call that runs its method does for others.

use crate::budget::Budget;
use crate::cache::Cache;
use crate::discard;
use crate::error::Error;
use crate::field::CallKey;
use crate::flight::Lead;
use crate::lease::Lease;
use crate::method::Bound;
use crate::stats::Event;
use crate::store::{Put, Stored};
use crate::unstorable;
use crate::value;

/// What a call that runs its method does for others.
#[derive(Default)]
pub(crate) struct Role {
    /// Other calls of this process wait for it.
    pub(crate) lead: Option<Lead>,
    /// It may store the value.
    pub(crate) lease: Option<Lease>,
}

impl Role {
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

    /// Stores the value, if it is to be kept, and gives it to those who wait. Who was overtaken
    /// gives it to nobody: it may be older than their calls.
    pub(crate) async fn land(
        mut self,
        cache: &Cache,
        bound: &Bound,
        key: CallKey,
        (entry, kept): (Result<Put, Error>, bool),
        budget: &mut Budget,
    ) {
        let landed = entry.as_ref().ok().and_then(|put| {
            let has_followers = self.lead.as_ref().is_some_and(Lead::has_followers);
            value::landed(put, has_followers)
        });
        let is_broken = entry.is_err();
        let is_current = match (self.lease.take(), &entry) {
            (Some(lease), _) if kept => commit(cache, bound, key, lease, entry, budget).await,
            (_, Err(error)) => {
                failed(cache, bound, error);
                false
            }
            (Some(lease), Ok(_)) => lease.holds(budget).await,
            (None, Ok(_)) => true,
        };
        match self.lead {
            Some(mut lead) if is_current => lead.computed(landed),
            // What cannot be an entry is nothing for others: they run the method, more at a time.
            Some(lead) if is_broken => lead.failed(),
            _ => {}
        }
    }
}

/// Stores a value under its lease. `false` if it cannot be stored or was overtaken; trouble with
/// the store says nothing against the value.
pub(crate) async fn commit(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    mut lease: Lease,
    entry: Result<Put, Error>,
    budget: &mut Budget,
) -> bool {
    let mut put = match entry {
        Ok(put) => put,
        Err(error) => {
            failed(cache, bound, &error);
            let outdated = budget.spend(|left| discard::outdated(cache, bound, key, left));
            if let Err(error) = outdated.await {
                failed(cache, bound, &error);
            }
            return false;
        }
    };
    put.token = Some(lease.token());
    let stored = budget
        .spend(|left| cache.store().put(&bound.pair, put, left))
        .await;
    match stored {
        Ok(Stored::Overtaken) => lease.close(),
        Ok(Stored::Evicting(evicted)) => {
            lease.close();
            cache.count(Some(bound), Event::write, 1);
            cache.count(Some(bound), Event::evicted, evicted);
        }
        Err(ref error) => failed(cache, bound, error),
    }
    !matches!(stored, Ok(Stored::Overtaken))
}

pub(crate) fn failed(cache: &Cache, bound: &Bound, error: &Error) {
    cache.count(Some(bound), Event::error, 1);
    if unstorable::is_value(error) {
        return unstorable::warn(bound, error);
    }
    tracing::debug!(method = bound.site, kind = %error.kind(), %error, "redis-func-cache: the cache failed, the method runs");
}
