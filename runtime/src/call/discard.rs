//! Entries that have to go: those that cannot be read, and those that a newer value has overtaken.

use std::time::Duration;

use super::payload;
use crate::cache::Cache;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::stats::Event;
use crate::store::Seen;

/// Counts an entry that cannot be read, and has it removed behind the call: a miss that does not
/// end in a put would leave it to be fetched again by everyone. It is always `None`.
#[cold]
pub(crate) fn unreadable<T>(cache: &Cache, bound: &Bound, key: CallKey, bytes: &[u8]) -> Option<T> {
    cache.count(Some(bound), Event::undecodable, 1);
    let seen = match payload::within_limit(cache, bytes) {
        Some(bytes) => Seen::Bytes(bytes),
        None => Seen::Length(bytes.len()),
    };
    cache.store().discard(&bound.pair, key.field, seen);
    None
}

/// Removes the entry of a call whose newer value cannot be stored: the older one must not outlive
/// it.
pub(crate) async fn outdated(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    deadline: Duration,
) -> Result<(), Error> {
    let fields = vec![key.field];
    let removed = cache.store().delete(&bound.pair, fields, deadline).await;
    removed.map(drop)
}
