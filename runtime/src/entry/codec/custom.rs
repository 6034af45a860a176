//! Codecs of users.

use std::fmt;
use std::sync::Arc;

use super::Codec;
use super::error::CodecError;
use super::object::ReadValue;
use crate::error::Error;

/// A codec of your own, for every value there is.
///
/// `serde`'s traits are generic; [`erased_serde`](crate::erased_serde) makes objects of them.
///
/// ```
/// use redis_func_cache::{Codec, CodecError, ValueCodec, erased_serde};
///
/// struct PrettyJson;
///
/// impl ValueCodec for PrettyJson {
///     fn encode(&self, value: &dyn erased_serde::Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         Ok(serde_json::to_writer_pretty(out, value)?)
///     }
///     fn decode(
///         &self,
///         payload: &[u8],
///         read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
///     ) -> Result<(), CodecError> {
///         let mut json = serde_json::Deserializer::from_slice(payload);
///         read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
///         Ok(json.end()?)
///     }
/// }
///
/// let codec = Codec::custom(200, PrettyJson)?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
pub trait ValueCodec: Send + Sync + 'static {
    /// Appends the encoded value to `out`.
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError>;

    /// Calls `read` once with a deserializer over the payload, and refuses bytes that are left over.
    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError>;
}

/// A [`ValueCodec`] and its id, made by [`Codec::custom`].
#[derive(Clone)]
pub struct CustomCodec {
    id: u8,
    codec: Arc<dyn ValueCodec>,
}

impl Codec {
    /// A codec of your own, under an id from 128 to 255 that stands in each of its entries.
    ///
    /// # Errors
    /// An id below 128: those are kept for the codecs of this crate.
    pub fn custom(id: u8, codec: impl ValueCodec) -> Result<Self, Error> {
        if id < 128 {
            return Err(Error::config(format!(
                "codec id {id} is kept for this crate; choose one from 128 to 255"
            )));
        }
        Ok(Self::Custom(CustomCodec {
            id,
            codec: Arc::new(codec),
        }))
    }
}

impl CustomCodec {
    pub(super) fn id(&self) -> u8 {
        self.id
    }

    pub(super) fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        self.codec.encode(value, out)
    }

    pub(super) fn read(&self, payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
        self.codec.decode(payload, read)
    }
}

impl fmt::Debug for CustomCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomCodec")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
