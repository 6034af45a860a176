//! What is known of an entry besides its value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{EntryHandle, lookup, time_left};
use crate::entry::codec::Codec;
use crate::entry::{header, label};
use crate::error::Error;
use crate::method::return_type::{ReturnType, Value};

/// What [`EntryHandle::inspect`] tells of an entry: never its value, and no more of the arguments than the method's
/// `label` shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// When it was stored, by the server's clock.
    pub stored_at: SystemTime,
    /// The time until it expires, by the server's clock; `None` if it never does.
    pub expires_in: Option<Duration>,
    /// What the method's `label` made of the arguments of the call that stored it. Anyone who may write to the store
    /// may have written it.
    pub label: Option<String>,
    /// The bytes that it takes in the store, its header included.
    pub size: usize,
    /// What its value is encoded with.
    pub codec: Codec,
    /// Whether it stands for an error that `cache_err` had stored.
    pub is_error: bool,
    /// How long the method took to return the value.
    pub cost: Duration,
    /// The build of the method that stored it: a digest of its code, in hexadecimal digits.
    pub build: String,
}

impl<S, R, Run> EntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// What is known of the entry besides its value, for diagnosis: `None` if there is no live entry. The
    /// policy does not count it as a use.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn inspect(&self) -> Result<Option<Inspection>, Error> {
        let call = self.call()?;
        let Some(reply) = lookup(&call).await? else {
            return Ok(None);
        };
        let Some((bytes, verified)) = call.alive(&reply) else {
            return Ok(None);
        };
        let stored_at = Duration::from_millis(verified.times.created_ms);
        Ok(Some(Inspection {
            stored_at: UNIX_EPOCH + stored_at,
            expires_in: time_left(&reply, verified.times),
            label: label::shown(verified.label),
            size: bytes.len(),
            codec: call.method.codec.clone(),
            is_error: header::is_error(bytes),
            cost: Duration::from_micros(verified.header.cost_us.into()),
            build: format!("{:08x}", u32::from_be_bytes(call.key.field.build())),
        }))
    }
}
