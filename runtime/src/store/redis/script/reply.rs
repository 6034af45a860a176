//! Replies of scripts and commands.

use redis::Value;

use crate::entry::header::Epoch;
use crate::error::Fault;
use crate::error::{Error, ErrorKind};
use crate::key::tags::TagIds;
use crate::store::{LookupReply, TagView};

/// The reply to `TIME`, in microseconds.
pub(crate) fn time_us(reply: Value) -> Result<u64, Error> {
    let number = |part: &Value| match part {
        Value::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let parts = array(reply)?;
    match (
        parts.first().and_then(number),
        parts.get(1).and_then(number),
    ) {
        (Some(seconds), Some(micros)) => Ok(seconds * 1_000_000 + micros),
        _ => Err(unexpected()),
    }
}

/// The reply to `HMGET`.
pub(crate) fn entries(reply: Value) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let each = array(reply)?.into_iter().map(|entry| match entry {
        Value::BulkString(entry) => Ok(Some(entry)),
        Value::Nil | Value::Boolean(false) => Ok(None),
        _ => Err(unexpected()),
    });
    each.collect()
}

/// The reply to a script that looks an entry up, which was asked for with these tags.
pub(crate) fn found(reply: Value, tags: &TagIds) -> Result<LookupReply, Error> {
    let mut parts = array(reply)?.into_iter();
    let (Some(Value::Int(now_us)), Some(entry), Some(epoch)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Err(unexpected());
    };
    let bytes = |part| match part {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil | Value::Boolean(false) => Ok(None),
        _ => Err(unexpected()),
    };
    let (entry, epoch) = (bytes(entry)?, bytes(epoch)?);
    let (pair_ms, stored) = match parts.next() {
        Some(Value::Int(left)) => (u64::try_from(left).ok(), parts.next()),
        other => (None, other),
    };
    let tags = tags_of(stored, tags)?;
    let epoch = epoch.as_deref().map(epoch_of).transpose()?;
    let now_us = u64::try_from(now_us).unwrap_or_default();
    Ok(LookupReply {
        pair_ms,
        ..LookupReply::new(now_us, epoch, entry.map(Into::into)).with_tags(tags)
    })
}

/// What a script says of tags, if it was asked for them: what is stored of the clock, then of each tag.
pub(crate) fn tags_of(stored: Option<Value>, tags: &TagIds) -> Result<Option<TagView>, Error> {
    if !tags.are_declared() {
        return Ok(None);
    }
    let stored = entries(stored.ok_or_else(unexpected)?)?;
    let Some((clock, stamps)) = stored.split_first() else {
        return Err(unexpected());
    };
    if stamps.len() != tags.as_slice().len() {
        return Err(unexpected());
    }
    let stamps = stamps.iter().map(Option::as_deref);
    Ok(Some(TagView::of(tags, clock.as_deref(), stamps)))
}

pub(crate) fn epoch_of(bytes: &[u8]) -> Result<Epoch, Error> {
    bytes.try_into().map(Epoch).map_err(|_| unexpected())
}

pub(crate) fn number(reply: &Value) -> Result<u64, Error> {
    match reply {
        Value::Int(n) => Ok(u64::try_from(*n).unwrap_or_default()),
        _ => Err(unexpected()),
    }
}

pub(crate) fn array(reply: Value) -> Result<Vec<Value>, Error> {
    match reply {
        Value::Array(parts) => Ok(parts),
        _ => Err(unexpected()),
    }
}

pub(crate) fn scan_page(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>), Error> {
    let Ok([Value::BulkString(next), Value::Array(keys)]) = <[Value; 2]>::try_from(array(reply)?)
    else {
        return Err(unexpected());
    };
    let keys = keys.into_iter().filter_map(|key| match key {
        Value::BulkString(key) => Some(key),
        _ => None,
    });
    Ok((next, keys.collect()))
}

pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::Server, "unexpected reply from the server").with_fault(Fault::Garbled)
}
