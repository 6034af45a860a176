//! How values become payloads.

#[cfg(feature = "bson")]
pub(crate) mod bson;
pub(crate) mod cbor;
pub(crate) mod custom;
pub(crate) mod error;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod limits;
#[cfg(feature = "lz4")]
pub(crate) mod lz4;
#[cfg(feature = "msgpack")]
pub(crate) mod msgpack;
pub(crate) mod object;
#[cfg(feature = "postcard")]
pub(crate) mod postcard;
#[cfg(feature = "yaml")]
pub(crate) mod yaml;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;

pub use self::custom::{CustomCodec, ValueCodec};
pub use self::error::CodecError;
use self::limits::DecodeLimits;
use self::object::ReadValue;
use super::header::COMPRESSED;

/// How a value is encoded. Each entry names its codec, so a change of codec is a miss at worst.
///
/// | codec | feature | id | notes |
/// |---|---|---|---|
/// | [`Cbor`](Codec::Cbor) (default) | | 1 | self-describing; `Some(None)` reads back as `None` |
/// | `Json` | `json` | 2 | readable; map keys must be strings, no NaN |
/// | `MsgPack` | `msgpack` | 3 | self-describing, compact, structs by name |
/// | `Bson` | `bson` | 4 | for values that hold BSON dates or object ids; no `u64` above `i64::MAX` |
/// | `Yaml` | `yaml` | 5 | readable, slow |
/// | `Postcard` | `postcard` | 6 | smallest; *not* self-describing: raise `version` when a type changes |
/// | [`Custom`](Codec::Custom) | | 128 to 255 | yours, see [`ValueCodec`] |
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Codec {
    /// CBOR, written by ciborium, and read by it where a faster reader does not know better.
    #[default]
    Cbor,
    /// JSON, by `serde_json`.
    #[cfg(feature = "json")]
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    Json,
    /// `MessagePack`, by `rmp-serde`.
    #[cfg(feature = "msgpack")]
    #[cfg_attr(docsrs, doc(cfg(feature = "msgpack")))]
    MsgPack,
    /// BSON, by `bson`.
    #[cfg(feature = "bson")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bson")))]
    Bson,
    /// YAML, by `serde_norway`.
    #[cfg(feature = "yaml")]
    #[cfg_attr(docsrs, doc(cfg(feature = "yaml")))]
    Yaml,
    /// Postcard, by `postcard`.
    #[cfg(feature = "postcard")]
    #[cfg_attr(docsrs, doc(cfg(feature = "postcard")))]
    Postcard,
    /// A codec of your own.
    Custom(CustomCodec),
}

impl Codec {
    pub(crate) fn id(&self) -> u8 {
        match self {
            Self::Cbor => 1,
            #[cfg(feature = "json")]
            Self::Json => 2,
            #[cfg(feature = "msgpack")]
            Self::MsgPack => 3,
            #[cfg(feature = "bson")]
            Self::Bson => 4,
            #[cfg(feature = "yaml")]
            Self::Yaml => 5,
            #[cfg(feature = "postcard")]
            Self::Postcard => 6,
            Self::Custom(custom) => custom.id(),
        }
    }

    /// Appends the encoded value to `out`, which is of no use after an error.
    pub(crate) fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        caught(|| match self {
            Self::Cbor => cbor::encode(value, out),
            #[cfg(feature = "json")]
            Self::Json => json::encode(value, out),
            #[cfg(feature = "msgpack")]
            Self::MsgPack => msgpack::encode(value, out),
            #[cfg(feature = "bson")]
            Self::Bson => bson::encode(value, out),
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml::encode(value, out),
            #[cfg(feature = "postcard")]
            Self::Postcard => postcard::encode(value, out),
            Self::Custom(custom) => custom.encode(value, out),
        })
    }

    /// Decodes a whole payload; bytes that are left over are an error.
    pub(crate) fn decode<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, CodecError> {
        caught(|| match self {
            Self::Cbor => cbor::decode(payload),
            #[cfg(feature = "bson")]
            Self::Bson => bson::decode(payload),
            _ => self.decode_through_object(payload),
        })
    }

    #[cold]
    fn decode_through_object<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, CodecError> {
        let limits = DecodeLimits::of(payload);
        let mut value = None;
        self.read(payload, &mut |deserializer| {
            value = Some(object::read(&limits, deserializer)?);
            Ok(())
        })?;
        value.ok_or_else(|| "the codec did not read a value".into())
    }

    /// Calls `read` once with a deserializer over the payload.
    fn read(&self, payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::read(payload, read),
            #[cfg(feature = "msgpack")]
            Self::MsgPack => msgpack::read(payload, read),
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml::read(payload, read),
            #[cfg(feature = "postcard")]
            Self::Postcard => postcard::read(payload, read),
            Self::Custom(custom) => custom.read(payload, read),
            // Of those values are read in place.
            _ => Err("the codec has no deserializer".into()),
        }
    }
}

/// A `Serialize`, a `Deserialize` or a codec of the user may panic, and so may a decoder that meets
/// bytes its author did not think of: the cache is not why a call panics. What they were at work on
/// is thrown away, so nothing half done is seen.
#[inline]
fn caught<T>(work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the codec panicked".into()))
}

/// Compresses the payload from `from` on where it is at least `above` bytes long and gets smaller.
/// Returns the flags of the entry.
#[cfg(feature = "lz4")]
pub(crate) fn compress(bytes: &mut Vec<u8>, from: usize, above: Option<usize>) -> u8 {
    match above {
        Some(above) if bytes.len() - from >= above => lz4::compress(bytes, from),
        _ => 0,
    }
}

#[cfg(not(feature = "lz4"))]
pub(crate) fn compress(_bytes: &mut Vec<u8>, _from: usize, _above: Option<usize>) -> u8 {
    0
}

/// The payload as the codec wrote it, of at most `limit` bytes.
#[inline]
pub(crate) fn decompress(
    payload: Cow<'_, [u8]>,
    flags: u8,
    limit: usize,
) -> Result<Cow<'_, [u8]>, CodecError> {
    match flags {
        0 => Ok(payload),
        #[cfg(feature = "lz4")]
        COMPRESSED => Ok(lz4::decompress(&payload, limit)?.into()),
        _ => Err(format!(
            "flags {flags:#x} of an entry (limit {limit}) are not known to this build"
        )
        .into()),
    }
}

#[cfg(not(feature = "lz4"))]
const _: u8 = COMPRESSED;
