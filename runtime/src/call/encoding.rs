//! From values to entries and back.

use std::sync::Arc;
use std::time::Duration;

use super::{discard, payload};
use crate::cache::Cache;
use crate::engine::single_flight::Landed;
use crate::entry::header::{Label, Times, Verified};
use crate::entry::{codec, header};
use crate::error::{Error, ErrorKind};
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::method::return_type::Value;
use crate::store::{Found, Put};

/// How old an entry is, and what it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    pub(crate) times: Times,
    pub(crate) cost_us: u32,
    pub(crate) now_us: u64,
}

impl Age {
    pub(crate) fn is_soft_past(&self) -> bool {
        let soft_ms = self.times.soft_ms;
        soft_ms > 0 && soft_ms <= self.now_us / 1000
    }
}

/// The value of an entry, if it is whole, of this very call, alive, and readable.
pub(crate) fn read<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    found: &Found,
) -> Option<(T, Age)> {
    let bytes = found.entry.as_deref()?;
    let within = payload::within_limit(cache, bytes);
    let Some(verified) = within.and_then(|bytes| verify(bound, key, bytes)) else {
        return discard::unreadable(cache, bound, key, bytes);
    };
    let age = Age {
        times: verified.times,
        cost_us: verified.label.cost_us,
        now_us: found.now_us,
    };
    // Whoever stored it may have had a use for stale values; here nobody has.
    let is_stale = age.is_soft_past() && bound.fresh.stale_ms.is_none();
    if is_stale || !age.times.are_alive(found.now_us / 1000) {
        return None;
    }
    match payload::open(cache, bound, key, verified.label.flags, verified.payload) {
        Ok(value) => Some((value, age)),
        Err(_) => discard::unreadable(cache, bound, key, bytes),
    }
}

/// The header of an entry, if every byte is as it was written and it belongs to this call.
#[inline]
pub(crate) fn verify<'e>(bound: &Bound, key: CallKey, bytes: &'e [u8]) -> Option<Verified<'e>> {
    header::verify(bytes).filter(|verified| {
        let label = verified.label;
        label.identity == key.identity
            && label.method == bound.tag
            && label.codec == bound.codec.id()
    })
}

/// What a flight gives to those who follow.
pub(crate) fn read_landed<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    landed: &Landed,
) -> Option<T> {
    payload::open(cache, bound, key, landed.flags, &landed.payload).ok()
}

/// The entry for a value, or why it cannot be one. Nobody's computation, until a token is set.
pub(crate) fn encode<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    value: &T,
    cost: Duration,
    ttl_ms: u64,
) -> Result<Put, Error> {
    let limits = cache.limits();
    let mut tail = header::tail();
    bound
        .codec
        .encode(value, &mut tail)
        .map_err(|_| Error::new(ErrorKind::Encode, "the codec cannot encode the value"))?;
    let bytes = header::payload_len(&tail);
    if bytes > limits.max_entry_bytes {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "the value has {bytes} bytes, more than `max_entry_bytes`, {}",
                limits.max_entry_bytes
            ),
        ));
    }
    let flags = codec::compress(&mut tail, header::PAYLOAD_IN_TAIL, limits.compress_above);
    let mut label = Label {
        codec: bound.codec.id(),
        flags,
        identity: key.identity,
        method: bound.tag,
        cost_us: u32::try_from(cost.as_micros()).unwrap_or(u32::MAX),
    };
    let (soft_ms, hard_ms) = bound.fresh.lives(ttl_ms);
    payload::seal(cache, bound, key, &mut label, &mut tail, hard_ms)?;
    Ok(Put {
        field: key.field,
        entry: header::close(label, tail)
            .ok_or_else(|| Error::new(ErrorKind::TooLarge, "the value has over 4 GiB"))?,
        soft_ms,
        hard_ms,
        token: None,
    })
}

/// What followers are to be given of a new value.
pub(crate) fn landed(put: &Put) -> Arc<Landed> {
    Arc::new(Landed {
        flags: put.entry.head[2],
        payload: put.entry.tail[header::PAYLOAD_IN_TAIL..].to_vec(),
    })
}

/// What followers are to be given of an entry that was found for them.
pub(crate) fn landed_of(entry: &[u8]) -> Option<Arc<Landed>> {
    let verified = header::verify(entry)?;
    Some(Arc::new(Landed {
        flags: verified.label.flags,
        payload: verified.payload.to_vec(),
    }))
}
