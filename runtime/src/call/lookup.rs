//! Looking for a value before the method runs.

use super::commit::{Role, failed};
use super::encoding;
use super::lease::{Asked, Lease};
use crate::cache::Cache;
use crate::deadline::Budget;
use crate::engine::single_flight::Joined;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::method::freshness::Due;
use crate::method::return_type::Value;
use crate::stats::Event;
use crate::store::{Found, Manner, Unwanted};

/// What is to be done for a call.
pub(crate) enum Answer<T> {
    Found(T),
    /// It may be served, and is to be computed anew.
    Due(T, Due),
    Compute(Role),
}

/// What a look-up came to.
pub(crate) enum Looked<T> {
    Hit(T, Option<Due>),
    Miss(Unwanted),
    /// The store is in trouble: it is not asked again for this call.
    Failed,
}

/// What a look-up found.
pub(crate) fn see<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    looked: Result<Found, Error>,
    budget: &mut Budget,
) -> Looked<T> {
    let found = match looked {
        Ok(found) => found,
        Err(error) => {
            budget.stop();
            failed(cache, bound, &error);
            cache.count(Some(bound), Event::miss, 1);
            return Looked::Failed;
        }
    };
    match encoding::read(cache, bound, key, &found) {
        Some((stored, age)) => {
            cache.count(Some(bound), Event::hit, 1);
            Looked::Hit(stored, bound.fresh.due(&age))
        }
        None => {
            budget.stop();
            cache.count(Some(bound), Event::miss, 1);
            Looked::Miss(unwanted(found.entry.as_deref()))
        }
    }
}

/// What was found and is of no use is not to be found again.
fn unwanted(entry: Option<&[u8]>) -> Unwanted {
    match entry {
        None => Unwanted::Nothing,
        Some(entry) => match entry.get(8..16).map(<[u8; 8]>::try_from) {
            Some(Ok(instant)) => Unwanted::Created(instant),
            _ => Unwanted::Everything,
        },
    }
}

/// Asks for the right to store what the method will return, as `manner` says.
pub(crate) async fn begin<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    mut role: Role,
    manner: Manner,
    mut unwanted: Unwanted,
    budget: &mut Budget,
) -> Answer<T> {
    loop {
        let lead = role.lead.as_ref();
        let asked = Lease::ask(cache, bound, key.field, manner, unwanted, lead, budget).await;
        match asked {
            Ok(Asked::Granted(lease)) => role.lease = Some(lease),
            Ok(Asked::Found {
                found,
                waited,
                joined,
            }) => {
                let Some((stored, _)) = encoding::read(cache, bound, key, &found) else {
                    unwanted = Unwanted::Everything;
                    continue;
                };
                share(&mut role, &found, joined);
                for event in [Event::read, Event::hit] {
                    cache.count(Some(bound), event, 1);
                }
                cache.count(Some(bound), Event::coalesced, u64::from(waited));
                return Answer::Found(stored);
            }
            Ok(Asked::Busy) => {}
            Err(error) => failed(cache, bound, &error),
        }
        return Answer::Compute(role);
    }
}

/// Gives what was found to those who had joined before the store was asked for it.
fn share(role: &mut Role, found: &Found, joined: Option<Joined>) {
    if let (Some(lead), Some(joined)) = (&mut role.lead, joined)
        && lead.is_followed_since(joined)
        && let Some(landed) = found.entry.as_deref().and_then(encoding::landed_of)
    {
        lead.computed(landed, joined);
    }
}
