//! What stands between a payload as it is stored and the value: limit, seal, compression, codec.

use crate::cache::Cache;
use crate::entry::codec::CodecError;
use crate::entry::header::Label;
use crate::entry::seal::Context;
use crate::entry::{codec, header, seal};
use crate::error::{Error, ErrorKind};
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::method::return_type::Value;

/// The bytes of an entry, if this cache could have stored that many.
#[inline]
pub(crate) fn within_limit<'e>(cache: &Cache, bytes: &'e [u8]) -> Option<&'e [u8]> {
    let most = cache.limits().max_entry_bytes + header::HEADER + seal::OVERHEAD;
    (bytes.len() <= most).then_some(bytes)
}

/// The value in a payload, which may be of anybody's making.
pub(crate) fn open<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    flags: u8,
    payload: &[u8],
) -> Result<T, CodecError> {
    let limits = cache.limits();
    let payload = limits.seal.open(&context(bound, key, flags), payload)?;
    let payload = codec::decompress(&payload, flags & !seal::SEALED, limits.max_entry_bytes)?;
    bound.codec.decode(&payload)
}

/// Seals the payload of a tail where the cache is sealed, for an entry that lives for so long (0:
/// without end).
pub(crate) fn seal(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    label: &mut Label,
    tail: &mut Vec<u8>,
    ttl_ms: u64,
) -> Result<(), Error> {
    let seal = &cache.limits().seal;
    label.flags |= seal.flag();
    let context = context(bound, key, label.flags);
    let sealed = seal.close(&context, tail, header::PAYLOAD_IN_TAIL, ttl_ms);
    sealed.map_err(|_| Error::new(ErrorKind::Encode, "the value cannot be sealed"))
}

#[inline]
fn context(bound: &Bound, key: CallKey, flags: u8) -> Context<'_> {
    Context {
        pair: &bound.pair.stem,
        field: key.field,
        identity: key.identity,
        method: bound.tag,
        codec: bound.codec.id(),
        flags,
    }
}
