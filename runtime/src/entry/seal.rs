//! Sealed values: a writer to the store without the key cannot forge an answer.

#[cfg(feature = "seal")]
pub(crate) mod keys;

use std::borrow::Cow;

use super::codec::CodecError;
use crate::error::Error;
use crate::key::digest::Field;

#[cfg(feature = "seal")]
pub use self::keys::SealKeys;

/// Flag of an entry whose payload is sealed.
pub(crate) const SEALED: u8 = 2;

/// Bytes by which a payload grows: id of the key, nonce, birth and life, tag.
#[cfg(feature = "seal")]
pub(crate) const OVERHEAD: usize = keys::OVERHEAD;
#[cfg(not(feature = "seal"))]
pub(crate) const OVERHEAD: usize = 0;

/// Whether a cache seals, and with what. A sealed cache takes sealed entries only, and another one
/// takes none of them.
#[derive(Debug, Default)]
pub(crate) struct Seal {
    #[cfg(feature = "seal")]
    keys: Option<SealKeys>,
}

/// What a sealed payload belongs to: it opens nowhere else.
#[cfg_attr(not(feature = "seal"), allow(dead_code))]
pub(crate) struct Context<'a> {
    pub(crate) pair: &'a str,
    pub(crate) field: Field,
    pub(crate) identity: u64,
    pub(crate) method: u64,
    pub(crate) codec: u8,
    pub(crate) flags: u8,
}

#[cfg(feature = "seal")]
impl Seal {
    pub(crate) fn with(keys: SealKeys) -> Self {
        Self { keys: Some(keys) }
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        if let Some(keys) = &self.keys {
            keys.check()?;
        }
        Ok(self)
    }

    pub(crate) fn flag(&self) -> u8 {
        self.keys.as_ref().map_or(0, |_| SEALED)
    }

    /// Seals the bytes from `from` on.
    pub(crate) fn close(
        &self,
        context: &Context<'_>,
        bytes: &mut Vec<u8>,
        from: usize,
        ttl_ms: u64,
    ) -> Result<(), CodecError> {
        match &self.keys {
            Some(keys) => keys.close(context, bytes, from, ttl_ms, keys::now_ms()),
            None => Ok(()),
        }
    }

    pub(crate) fn open<'p>(
        &self,
        context: &Context<'_>,
        payload: &'p [u8],
    ) -> Result<Cow<'p, [u8]>, CodecError> {
        match &self.keys {
            Some(keys) => Ok(keys.open(context, payload, keys::now_ms())?.into()),
            None => open_unsealed(context, payload),
        }
    }
}

#[cfg(not(feature = "seal"))]
#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // the twin of the one above
impl Seal {
    pub(crate) fn checked(self) -> Result<Self, Error> {
        Ok(self)
    }

    pub(crate) fn flag(&self) -> u8 {
        0
    }

    pub(crate) fn close(
        &self,
        _context: &Context<'_>,
        _bytes: &mut Vec<u8>,
        _from: usize,
        _ttl_ms: u64,
    ) -> Result<(), CodecError> {
        Ok(())
    }

    pub(crate) fn open<'p>(
        &self,
        context: &Context<'_>,
        payload: &'p [u8],
    ) -> Result<Cow<'p, [u8]>, CodecError> {
        open_unsealed(context, payload)
    }
}

fn open_unsealed<'p>(
    context: &Context<'_>,
    payload: &'p [u8],
) -> Result<Cow<'p, [u8]>, CodecError> {
    if context.flags & SEALED != 0 {
        return Err("the entry is sealed, and the cache is not".into());
    }
    Ok(payload.into())
}
