//! Between values and entries: verification, limit, seal, compression, codec.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::attempt::KeyedCall;
use crate::engine::single_flight::EncodedValue;
use crate::entry::codec::{self, CodecError};
use crate::entry::header::{self, Age, ClientHeader, Origin, VerifiedEntry};
use crate::entry::seal::{self, Context};
use crate::error::{Error, ErrorKind};
use crate::key::tags::TagIds;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::Value;
use crate::stats::outcome::Miss;
use crate::store::{LookupReply, Put};

impl KeyedCall<'_> {
    /// The value of an entry, if it is whole, of this very call, alive, and readable; `None` for an error.
    pub(crate) fn read<T: Value>(&self, reply: &LookupReply) -> Option<T> {
        let entry = reply.entry.as_deref()?;
        let (opened, _) = self.open_entry(reply)?;
        if header::is_error(entry) {
            return None;
        }
        let payload = opened.as_deref().unwrap_or(header::payload(entry));
        let value = self.method.codec.decode(payload);
        value
            .inspect_err(|_| self.discard_unreadable(Some(entry)))
            .ok()
    }

    /// Verifies that the entry is whole, of this very call, and may still be served. Returns its
    /// payload, where it was sealed or compressed.
    #[inline]
    pub(crate) fn open_entry(&self, reply: &LookupReply) -> Option<(Option<Vec<u8>>, Age)> {
        let bytes = reply.entry.as_deref()?;
        let within = self.within_limit(bytes);
        let Some(verified) = within.and_then(|bytes| self.verify(bytes)) else {
            self.discard_unreadable(Some(bytes));
            return None;
        };
        let tags = self.check_tags(&verified, reply)?;
        let age = Age {
            times: verified.times,
            cost_us: verified.header.cost_us,
            now_us: reply.now_us,
            is_expired_by_tag: tags == TagCheck::Expired,
        };
        // The process that stored it may serve stale values; this one may not.
        let is_stale = age.is_soft_past() && self.method.freshness.stale_ms.is_none();
        if is_stale || !verified.may_be_served(reply.now_us / 1000, reply.epoch) {
            return None;
        }
        // A method that shares entries with this one may cache errors.
        if verified.header.flags & header::ERROR != 0 && !self.method.caches_errors {
            return None;
        }
        match self.open(verified.header.flags, verified.payload) {
            Ok(opened) => Some((opened, age)),
            Err(_) => {
                self.discard_unreadable(Some(bytes));
                None
            }
        }
    }

    /// The same for an item of a batch. That has no error of its own, and one of the method whose entries it shares
    /// is no answer.
    pub(crate) fn open_item(&self, reply: &LookupReply) -> Option<(Option<Vec<u8>>, Age)> {
        let is_error = reply.entry.as_deref().is_some_and(header::is_error);
        self.open_entry(reply).filter(|_| !is_error)
    }

    /// What tags say of an entry; `None` if one of them has been invalidated, or is not known.
    #[inline]
    pub(crate) fn check_tags(
        &self,
        verified: &VerifiedEntry<'_>,
        reply: &LookupReply,
    ) -> Option<TagCheck> {
        if !self.tags.are_declared() {
            return Some(TagCheck::Current);
        }
        let view = reply.tags.as_ref()?;
        let began = verified.origin.began;
        if view.is_invalidated(began) || !view.covers(verified.value_tags()) {
            None
        } else if view.is_expired(began) {
            Some(TagCheck::Expired)
        } else {
            Some(TagCheck::Current)
        }
    }

    /// The tags to check a found entry against, if those of its value were not asked for.
    #[inline]
    pub(crate) fn unchecked_tags(&self, reply: &LookupReply) -> Option<TagIds> {
        if !self.method.pair.tags.of_values {
            return None;
        }
        let verified = self.verify(self.within_limit(reply.entry.as_deref()?)?)?;
        let view = reply.tags.as_ref()?;
        if view.covers(verified.value_tags()) {
            return None;
        }
        let of_value: Vec<_> = verified.value_tags().collect();
        Some(self.tags.and(&TagIds::of(&of_value)))
    }

    /// Why what the store said was a miss.
    #[cold]
    pub(crate) fn why_missed(&self, reply: &LookupReply) -> Miss {
        let Some(bytes) = reply.entry.as_deref() else {
            return Miss::Absent;
        };
        let within = self.within_limit(bytes);
        let Some(verified) = within.and_then(|bytes| self.verify(bytes)) else {
            return Miss::Unreadable;
        };
        let (times, now_ms) = (verified.times, reply.now_us / 1000);
        let is_stale = (times.soft_ms > 0 && times.soft_ms <= now_ms)
            || self.check_tags(&verified, reply) == Some(TagCheck::Expired);
        if is_stale || !times.are_alive(now_ms) {
            Miss::Expired
        } else if !verified.may_be_served(now_ms, reply.epoch)
            || verified.header.flags & header::ERROR != 0
            || self.check_tags(&verified, reply).is_none()
        {
            // It was invalidated together with others, or is another method's error.
            Miss::Absent
        } else {
            Miss::Unreadable
        }
    }

    /// The same for the value that the leader of a flight has published.
    pub(crate) fn open_shared(&self, shared: &EncodedValue) -> Result<Option<Vec<u8>>, CodecError> {
        if is_error(shared) && !self.method.caches_errors {
            return Err("another method's error".into());
        }
        self.open(shared.flags, &shared.payload)
    }

    /// The bytes of an entry, if this cache could have stored that many.
    #[inline]
    pub(crate) fn within_limit<'e>(&self, bytes: &'e [u8]) -> Option<&'e [u8]> {
        let tags = if self.method.pair.tags.of_values {
            header::TAGS_ROOM
        } else {
            0
        };
        // Another build may label what this one does not.
        let largest = header::HEADER + header::LABEL_ROOM + tags + self.largest_payload();
        (bytes.len() <= largest).then_some(bytes)
    }

    #[inline]
    fn largest_payload(&self) -> usize {
        self.engine.limits().max_entry_bytes + seal::OVERHEAD
    }

    /// The header of an entry, if every byte is as it was written and it belongs to this call.
    #[inline]
    pub(crate) fn verify<'e>(&self, bytes: &'e [u8]) -> Option<VerifiedEntry<'e>> {
        let mut verified = header::verify(bytes).filter(|verified| {
            let header = verified.header;
            header.identity == self.key.identity
                && header.method == self.method.pair.method
                && header.codec == self.method.codec.id()
                && verified.payload.len() <= self.largest_payload()
        })?;
        verified.times = self.method.times_here(verified.times);
        Some(verified)
    }

    /// What the codec wrote, where that is not the payload itself. Anyone may have written it.
    #[inline]
    fn open(&self, flags: u8, payload: &[u8]) -> Result<Option<Vec<u8>>, CodecError> {
        let limits = self.engine.limits();
        let unsealed = limits.seal.open(&self.seal_context(flags), payload)?;
        let other = seal::SEALED | header::LABELED | header::TAGGED | header::ERROR;
        let compressed = flags & !other;
        let opened = codec::decompress(unsealed, compressed, limits.max_entry_bytes)?;
        Ok(match opened {
            Cow::Borrowed(_) => None,
            Cow::Owned(opened) => Some(opened),
        })
    }

    /// The entry for a value, or why there is none. It has no token yet.
    pub(crate) fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        cost: Duration,
        ttl_ms: u64,
        value_tags: Result<TagIds, Error>,
    ) -> Result<Put, Error> {
        let lifetimes = self.method.freshness.lifetimes(ttl_ms);
        self.encode_flagged(value, cost, 0, lifetimes, value_tags)
    }

    /// The same for a value or an error.
    pub(crate) fn encode_as(
        &self,
        cacheability: &Cacheability,
        value: &dyn erased_serde::Serialize,
        cost: Duration,
        ttl_ms: u64,
    ) -> Result<Put, Error> {
        let freshness = &self.method.freshness;
        let (flag, lifetimes) = match cacheability {
            Cacheability::Error(_) => (header::ERROR, freshness.error_lifetimes(ttl_ms)),
            _ => (0, freshness.lifetimes(ttl_ms)),
        };
        self.encode_flagged(value, cost, flag, lifetimes, cacheability.value_tags())
    }

    fn encode_flagged(
        &self,
        value: &dyn erased_serde::Serialize,
        cost: Duration,
        flag: u8,
        lifetimes: (u64, u64),
        value_tags: Result<TagIds, Error>,
    ) -> Result<Put, Error> {
        let value_tags = value_tags?;
        let mut tail = header::tail(&self.label, value_tags.as_slice());
        let payload = tail.len();
        self.method
            .codec
            .encode(value, &mut tail)
            .map_err(|_| Error::new(ErrorKind::Encode, "the codec cannot encode the value"))?;
        self.close(tail, payload, (cost, flag, lifetimes), &value_tags)
    }

    /// The entry for an encoded value or error, which begins at `payload`.
    fn close(
        &self,
        mut tail: Vec<u8>,
        payload: usize,
        (cost, flag, (soft_ms, hard_ms)): (Duration, u8, (u64, u64)),
        value_tags: &TagIds,
    ) -> Result<Put, Error> {
        let limits = self.engine.limits();
        let bytes = tail.len() - payload;
        if bytes > limits.max_entry_bytes {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "the value has {bytes} bytes, more than `max_entry_bytes`, {}",
                    limits.max_entry_bytes
                ),
            ));
        }
        let flags = codec::compress(&mut tail, payload, limits.compress_above);
        let tagged = match value_tags.as_slice() {
            [] => 0,
            _ => header::TAGGED,
        };
        let labeled = self.label.as_str().map_or(0, |_| header::LABELED);
        let header = ClientHeader {
            codec: self.method.codec.id(),
            flags: flag | flags | tagged | labeled | limits.seal.flag(),
            identity: self.key.identity,
            method: self.method.pair.method,
            cost_us: u32::try_from(cost.as_micros()).unwrap_or(u32::MAX),
        };
        let context = self.seal_context(header.flags);
        limits
            .seal
            .close(&context, &mut tail, payload, hard_ms)
            .map_err(|_| Error::new(ErrorKind::Encode, "the value cannot be sealed"))?;
        Ok(Put {
            field: self.key.field,
            entry: header::close(header, tail)
                .ok_or_else(|| Error::new(ErrorKind::TooLarge, "the value has over 4 GiB"))?,
            soft_ms,
            hard_ms,
            token: None,
            origin: Origin::default(),
            tags: self.tags.and(value_tags),
            now: None,
        })
    }

    #[inline]
    fn seal_context(&self, flags: u8) -> Context<'_> {
        Context {
            pair: &self.method.pair.stem,
            field: self.key.field,
            identity: self.key.identity,
            method: self.method.pair.method,
            codec: self.method.codec.id(),
            flags,
        }
    }
}

/// Whether what followers are given is what is stored of an error.
#[inline]
pub(crate) fn is_error(shared: &EncodedValue) -> bool {
    shared.flags & header::ERROR != 0
}

/// What tags say of an entry that may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagCheck {
    Current,
    /// It is stale, whatever its own times say.
    Expired,
}

/// What followers are given of a new value.
pub(crate) fn shared(put: &Put) -> Arc<EncodedValue> {
    Arc::new(EncodedValue {
        flags: put.entry.head[2],
        payload: header::payload_of(&put.entry).to_vec(),
    })
}

/// What followers are given of an entry that was found for them.
pub(crate) fn shared_of(entry: &[u8]) -> Option<Arc<EncodedValue>> {
    let verified = header::verify(entry)?;
    Some(Arc::new(EncodedValue {
        flags: verified.header.flags,
        payload: verified.payload.to_vec(),
    }))
}
