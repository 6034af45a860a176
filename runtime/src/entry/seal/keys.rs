use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chacha20poly1305::aead::common::Generate as _;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

use super::{Context, SEALED};
use crate::entry::codec::CodecError;
use crate::error::Error;

const ID: usize = 4;
const NONCE: usize = 24;
const TIMES: usize = 16;
const TAG: usize = 16;
pub(super) const OVERHEAD: usize = ID + NONCE + TIMES + TAG;

const DOMAIN: &[u8] = b"redis-func-cache/seal/1";

/// The clocks of processes may differ by so much.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The keys of a sealed cache: one that seals, and others that open what was sealed before.
///
/// A key is 32 random bytes, the same in every process, and an id by which entries name it. To
/// change the key without losing entries: give every process the new key as a previous one; then
/// make it the first, with the old one as previous; and when the last entries of the old key have
/// expired, leave that out.
///
/// ```
/// use redis_func_cache::{Cache, SealKeys};
///
/// # let (new, old) = ([2; 32], [1; 32]);
/// let keys = SealKeys::new(2, new).with_previous(1, old);
/// let cache = Cache::builder("shop").sealed(keys).build()?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
///
/// What this guards against, and what not, is in `SECURITY.md`.
#[must_use]
pub struct SealKeys(Vec<SealKey>);

struct SealKey {
    id: u32,
    cipher: XChaCha20Poly1305,
}

impl SealKeys {
    /// The key that seals and opens, under an id of your choice.
    pub fn new(id: u32, secret: [u8; 32]) -> Self {
        Self(Vec::new()).with_previous(id, secret)
    }

    /// A key that opens only.
    pub fn with_previous(mut self, id: u32, secret: [u8; 32]) -> Self {
        let cipher = XChaCha20Poly1305::new(&secret.into());
        self.0.push(SealKey { id, cipher });
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        for (at, key) in self.0.iter().enumerate() {
            if self.0[..at].iter().any(|other| other.id == key.id) {
                return Err(Error::config(format!(
                    "two keys of `sealed` have the id {}; entries name their key by it, so give each its own",
                    key.id
                )));
            }
        }
        Ok(())
    }

    pub(super) fn close(
        &self,
        context: &Context<'_>,
        bytes: &mut Vec<u8>,
        from: usize,
        ttl_ms: u64,
        now_ms: u64,
    ) -> Result<(), CodecError> {
        let key = self.0.first().ok_or("there is no key")?;
        let nonce = XNonce::try_generate()?;
        bytes.extend_from_slice(&now_ms.to_le_bytes());
        bytes.extend_from_slice(&ttl_ms.to_le_bytes());
        let payload = Payload {
            msg: &bytes[from..],
            aad: &associated(context),
        };
        let sealed = key.cipher.encrypt(&nonce, payload).map_err(|_| INVALID)?;
        bytes.truncate(from);
        bytes.extend_from_slice(&key.id.to_le_bytes());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(())
    }

    pub(super) fn open(
        &self,
        context: &Context<'_>,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Vec<u8>, CodecError> {
        if context.flags & SEALED == 0 {
            return Err(INVALID.into());
        }
        let (id, rest) = payload.split_first_chunk::<ID>().ok_or(INVALID)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(INVALID)?;
        let id = u32::from_le_bytes(*id);
        let key = self.0.iter().find(|key| key.id == id).ok_or(INVALID)?;
        let payload = Payload {
            msg: sealed,
            aad: &associated(context),
        };
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload);
        let mut bytes = opened.map_err(|_| INVALID)?;
        let (rest, ttl_ms) = bytes.split_last_chunk::<8>().ok_or(INVALID)?;
        let (value, created_ms) = rest.split_last_chunk::<8>().ok_or(INVALID)?;
        let (created_ms, ttl_ms) = (u64::from_le_bytes(*created_ms), u64::from_le_bytes(*ttl_ms));
        if is_over(created_ms, ttl_ms, now_ms) {
            return Err(INVALID.into());
        }
        let length = value.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// A forger must not learn how close a forgery came.
const INVALID: &str = "the seal is not valid";

/// The instants in the header are the server's, and a writer to the server can forge them. So an entry
/// also expires by the clocks of the processes that seal and open it.
fn is_over(created_ms: u64, ttl_ms: u64, now_ms: u64) -> bool {
    let tolerance_ms = u64::try_from(TOLERANCE.as_millis()).unwrap_or(u64::MAX);
    let end_ms = created_ms
        .saturating_add(ttl_ms)
        .saturating_add(tolerance_ms);
    ttl_ms > 0 && end_ms <= now_ms
}

fn associated(context: &Context<'_>) -> Vec<u8> {
    let pair = context.pair.as_bytes();
    let mut bytes = Vec::with_capacity(DOMAIN.len() + pair.len() + 46);
    bytes.extend_from_slice(DOMAIN);
    bytes.extend_from_slice(&(pair.len() as u64).to_le_bytes());
    bytes.extend_from_slice(pair);
    bytes.extend_from_slice(&context.field.0);
    bytes.extend_from_slice(&context.identity.to_le_bytes());
    bytes.extend_from_slice(&context.method.to_le_bytes());
    bytes.extend_from_slice(&[context.codec, context.flags]);
    bytes
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.0.iter().map(|key| key.id).collect();
        f.debug_struct("SealKeys")
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::digest::Field;

    const NOW: u64 = 1_800_000_000_000;
    const HOUR: u64 = 3_600_000;

    fn context() -> Context<'static> {
        Context {
            pair: "func-cache:shop:lru_t",
            field: Field([7; 20]),
            identity: 1,
            method: 2,
            codec: 3,
            flags: SEALED,
        }
    }

    fn sealed(keys: &SealKeys, ttl_ms: u64) -> Vec<u8> {
        let mut bytes = b"--value".to_vec();
        keys.close(&context(), &mut bytes, 2, ttl_ms, NOW).unwrap();
        assert_eq!(bytes.len(), 7 + OVERHEAD);
        bytes.split_off(2)
    }

    #[test]
    fn a_payload_opens_where_it_was_sealed_and_nowhere_else() {
        let keys = SealKeys::new(1, [9; 32]);
        let payload = sealed(&keys, 0);
        assert_eq!(keys.open(&context(), &payload, NOW).unwrap(), b"value");
        let elsewhere = [
            Context {
                pair: "func-cache:blog:lru_t",
                ..context()
            },
            Context {
                field: Field([8; 20]),
                ..context()
            },
            Context {
                identity: 9,
                ..context()
            },
            Context {
                method: 9,
                ..context()
            },
            Context {
                codec: 9,
                ..context()
            },
            Context {
                flags: SEALED | 1,
                ..context()
            },
            Context {
                flags: 0,
                ..context()
            },
        ];
        for (at, context) in elsewhere.iter().enumerate() {
            let error = keys.open(context, &payload, NOW).unwrap_err();
            assert_eq!(error.to_string(), INVALID, "context {at}");
        }
    }

    #[test]
    fn every_flipped_bit_and_cut_byte_is_noticed() {
        let keys = SealKeys::new(1, [9; 32]);
        let payload = sealed(&keys, HOUR);
        for bit in 0..payload.len() * 8 {
            let mut flipped = payload.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.open(&context(), &flipped, NOW).is_err(), "bit {bit}");
        }
        for len in 0..payload.len() {
            assert!(
                keys.open(&context(), &payload[..len], NOW).is_err(),
                "cut to {len}"
            );
        }
    }

    #[test]
    fn a_life_that_is_over_is_over_whatever_the_header_says() {
        let keys = SealKeys::new(1, [9; 32]);
        let payload = sealed(&keys, HOUR);
        let open = |now_ms| keys.open(&context(), &payload, now_ms).is_ok();
        assert!(open(NOW - 30_000) && open(NOW + HOUR) && open(NOW + HOUR + 59_999));
        assert!(!open(NOW + HOUR + 60_000));
        let endless = sealed(&keys, 0);
        assert!(keys.open(&context(), &endless, u64::MAX).is_ok());
        assert!(is_over(u64::MAX, u64::MAX, u64::MAX), "no overflow");
    }

    #[test]
    fn equal_values_do_not_look_alike() {
        let keys = SealKeys::new(1, [9; 32]);
        assert_ne!(sealed(&keys, 0), sealed(&keys, 0));
    }

    #[test]
    fn the_previous_key_opens_and_an_unknown_one_does_not() {
        let old = SealKeys::new(1, [9; 32]);
        let both = SealKeys::new(2, [8; 32]).with_previous(1, [9; 32]);
        let new = SealKeys::new(2, [8; 32]);
        let by_old = sealed(&old, 0);
        let by_both = sealed(&both, 0);
        assert!(both.open(&context(), &by_old, NOW).is_ok());
        assert!(
            new.open(&context(), &by_both, NOW).is_ok(),
            "the first seals"
        );
        assert!(new.open(&context(), &by_old, NOW).is_err());
        let other_secret = SealKeys::new(1, [7; 32]);
        assert!(other_secret.open(&context(), &by_old, NOW).is_err());
    }

    #[test]
    fn keys_are_not_shown_and_ids_are_distinguished() {
        let keys = SealKeys::new(77, [0x5a; 32]).with_previous(77, [0xa5; 32]);
        assert_eq!(format!("{keys:?}"), "SealKeys { ids: [77, 77], .. }");
        assert!(keys.check().unwrap_err().to_string().contains("the id 77"));
    }
}
