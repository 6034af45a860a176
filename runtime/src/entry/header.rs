//! The bytes of an entry: a fixed header that is verified whole before a codec sees the payload.
//!
//! ```text
//!  0  version   1     format version, 3
//!  1  codec     1     id of the codec
//!  2  flags     1     bit 0: payload is compressed by lz4, bit 1: payload is sealed, bit 2: tags precede it,
//!                    bit 3: payload is an error, bit 4: a label precedes tags and payload
//!  3  reserved  1     0
//!  4  stamp     4  *  check of the next five lines
//!  8  created   8  *  milliseconds of server time
//! 16  soft      8  *  soft expiry, 0: none
//! 24  hard      8  *  hard expiry, 0: none
//! 32  epoch     8     the epoch of the method when the computation began
//! 40  began     8     the clock of tags when the computation began; 0 without tags
//! 48  identity  8     a second digest of the call, independent of the field
//! 56  method    8     digest of the method: where the epoch is kept that the entry must have
//! 64  cost      4     microseconds the method took, saturating
//! 68  length    4     of all that follows the header
//! 72  checksum  8     of bytes 0..4, 48..72 and all that follows
//! 80  label           with bit 4: its length (1 byte), then UTF-8: for tools alone, and never sealed
//!     tags            with bit 2: how many (2 bytes), then 8 of each; those that the value itself has
//!     payload
//! ```
//! Everything is little-endian. The lines with a star are in the server's time, so that no client's clock
//! matters. A client stamps them where it knows that time, else the server (`lua/shared/stamp.lua`) or the
//! memory store.

#[cfg(test)]
mod tests;

use std::fmt;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::label::{LONGEST_LABEL, Label};
use crate::key::tags::{MOST_TAGS, TagId};

pub(crate) const HEADER: usize = 80;
pub(crate) const HEAD: usize = 4;
/// Flag of an entry whose payload is compressed.
pub(crate) const COMPRESSED: u8 = 1;
/// Flag of an entry whose value has tags of its own, which stand before the payload.
pub(crate) const TAGGED: u8 = 4;
/// Flag of an entry that stands for an error which the method returned.
pub(crate) const ERROR: u8 = 8;
/// Flag of an entry that has a label, which stands first behind the header.
pub(crate) const LABELED: u8 = 16;
/// Check, instants, epoch, clock of tags.
const STAMP: usize = 44;
/// What stands between those and the payload.
const CLIENT_HEADER: usize = HEADER - HEAD - STAMP;
const VERSION: u8 = 3;
const STAMP_MODULUS: u64 = 4_294_967_291;

/// What the client knows of an entry before the server stamps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientHeader {
    pub(crate) codec: u8,
    pub(crate) flags: u8,
    pub(crate) identity: u64,
    pub(crate) method: u64,
    pub(crate) cost_us: u32,
}

/// The instants of an entry, in milliseconds of server time; 0 means never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // the unit belongs to the name
pub(crate) struct Times {
    pub(crate) created_ms: u64,
    pub(crate) soft_ms: u64,
    pub(crate) hard_ms: u64,
}

/// All entries of a method in a pair have its epoch: to invalidate them all is to change it. It is random, and as
/// such is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Epoch(pub(crate) [u8; 8]);

/// What a computation knew when it began, and what its entry is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// Of the method.
    pub(crate) epoch: Epoch,
    /// The clock of tags.
    pub(crate) began: u64,
}

/// How far a server's clock may be behind the one that stamped an entry, as after a failover.
const SKEW_MS: u64 = 100;

impl Times {
    /// Whether the entry may be served. One that was stamped later than now was stamped before the
    /// server's clock was set back: its age is unknown, so it has expired.
    #[inline]
    pub(crate) fn are_alive(self, now_ms: u64) -> bool {
        self.created_ms <= now_ms.saturating_add(SKEW_MS)
            && (self.hard_ms == 0 || self.hard_ms > now_ms)
    }
}

/// How old an entry is, and what it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    pub(crate) times: Times,
    pub(crate) cost_us: u32,
    pub(crate) now_us: u64,
    pub(crate) is_expired_by_tag: bool,
}

impl Age {
    pub(crate) fn is_soft_past(&self) -> bool {
        let soft_ms = self.times.soft_ms;
        self.is_expired_by_tag || (soft_ms > 0 && soft_ms <= self.now_us / 1000)
    }
}

/// An entry whose every byte was verified.
#[derive(PartialEq, Eq)]
pub(crate) struct VerifiedEntry<'a> {
    pub(crate) header: ClientHeader,
    pub(crate) times: Times,
    pub(crate) origin: Origin,
    pub(crate) label: &'a [u8],
    /// Of the value itself, 8 bytes each.
    tags: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl VerifiedEntry<'_> {
    /// Whether it is neither past its hard expiry nor invalidated together with its method.
    #[inline]
    pub(crate) fn may_be_served(&self, now_ms: u64, current: Option<Epoch>) -> bool {
        Some(self.origin.epoch) == current && self.times.are_alive(now_ms)
    }

    /// The tags that the value itself has.
    pub(crate) fn value_tags(&self) -> impl ExactSizeIterator<Item = TagId> + use<'_> {
        let tags = self.tags.as_chunks().0.iter();
        tags.map(|tag| TagId::from_le_bytes(*tag))
    }
}

/// An entry but for the instants, in the two parts that the put script wants.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UnstampedEntry {
    pub(crate) head: [u8; HEAD],
    pub(crate) tail: Vec<u8>,
}

// Payloads are not for logs.
impl fmt::Debug for VerifiedEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedEntry")
            .field("header", &self.header)
            .field("times", &self.times)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UnstampedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnstampedEntry")
            .field("bytes", &payload_of(self).len())
            .finish_non_exhaustive()
    }
}

/// Starts a tail: room for the client's header, then the label, and the tags of the value; to be followed by the payload
/// and closed by [`close`].
pub(crate) fn tail(label: &Label, value_tags: &[TagId]) -> Vec<u8> {
    let mut tail = vec![0; CLIENT_HEADER];
    if let Some(label) = label.as_str() {
        tail.push(u8::try_from(label.len()).expect("a label has 128 bytes at the most"));
        tail.extend_from_slice(label.as_bytes());
    }
    if !value_tags.is_empty() {
        let count =
            u16::try_from(value_tags.len()).expect("an entry has a thousand tags at the most");
        tail.extend_from_slice(&count.to_le_bytes());
        for tag in value_tags {
            tail.extend_from_slice(&tag.to_le_bytes());
        }
    }
    tail
}

/// What the label of an entry takes at the most, and the tags of its value.
pub(crate) const LABEL_ROOM: usize = 1 + LONGEST_LABEL;
pub(crate) const TAGS_ROOM: usize = 2 + 8 * MOST_TAGS;

/// The payload of a tail that has been closed.
pub(crate) fn payload_of(entry: &UnstampedEntry) -> &[u8] {
    let rest = &entry.tail[CLIENT_HEADER..];
    split(entry.head[2], rest).map_or(&[], |(_, _, payload)| payload)
}

/// How many bytes a tail has behind the header: label, tags and payload.
pub(crate) fn length_of(entry: &UnstampedEntry) -> u64 {
    (entry.tail.len() - CLIENT_HEADER) as u64
}

/// The label of an entry, the tags of its value, and its payload.
#[inline]
fn split(flags: u8, rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if flags & (LABELED | TAGGED) == 0 {
        return Some((&[], &[], rest));
    }
    let (label, rest) = if flags & LABELED == 0 {
        (&[][..], rest)
    } else {
        let (length, rest) = rest.split_first()?;
        rest.split_at_checked(usize::from(*length))?
    };
    if flags & TAGGED == 0 {
        return Some((label, &[], rest));
    }
    let (count, rest) = rest.split_first_chunk()?;
    let (tags, payload) = rest.split_at_checked(8 * usize::from(u16::from_le_bytes(*count)))?;
    Some((label, tags, payload))
}

/// Writes the client's header in front of the payload. `None` if the payload is longer than 4 GiB.
pub(crate) fn close(header: ClientHeader, mut tail: Vec<u8>) -> Option<UnstampedEntry> {
    let length = u32::try_from(tail.len() - CLIENT_HEADER).ok()?;
    let head = [VERSION, header.codec, header.flags, 0];
    tail[0..8].copy_from_slice(&header.identity.to_le_bytes());
    tail[8..16].copy_from_slice(&header.method.to_le_bytes());
    tail[16..20].copy_from_slice(&header.cost_us.to_le_bytes());
    tail[20..24].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&head, &tail[0..24], &tail[CLIENT_HEADER..]);
    tail[24..32].copy_from_slice(&checksum.to_le_bytes());
    Some(UnstampedEntry { head, tail })
}

/// What an entry begins with, once its instants are known: its tail follows.
pub(crate) fn stamped_head(
    entry: &UnstampedEntry,
    times: Times,
    origin: Origin,
) -> [u8; HEAD + STAMP] {
    let mut head = [0; HEAD + STAMP];
    head[..4].copy_from_slice(&entry.head);
    head[4..8].copy_from_slice(&stamp_check(times, origin).to_le_bytes());
    head[8..16].copy_from_slice(&times.created_ms.to_le_bytes());
    head[16..24].copy_from_slice(&times.soft_ms.to_le_bytes());
    head[24..32].copy_from_slice(&times.hard_ms.to_le_bytes());
    head[32..40].copy_from_slice(&origin.epoch.0);
    head[40..].copy_from_slice(&origin.began.to_le_bytes());
    head
}

/// The whole entry: the twin of `stamp` in Lua.
pub(crate) fn stamp(entry: &UnstampedEntry, times: Times, origin: Origin) -> Vec<u8> {
    [&stamped_head(entry, times, origin)[..], &entry.tail].concat()
}

/// The entry in these bytes, or `None` if a single bit of them is not as it was written.
#[inline]
pub(crate) fn verify(bytes: &[u8]) -> Option<VerifiedEntry<'_>> {
    if bytes.len() < HEADER || bytes[0] != VERSION || bytes[3] != 0 {
        return None;
    }
    let rest = &bytes[HEADER..];
    let (times, origin) = (times(bytes), origin(bytes));
    let intact = u64::from(u32_at(bytes, 68)) == rest.len() as u64
        && u32_at(bytes, 4) == stamp_check(times, origin)
        && u64_at(bytes, 72) == checksum(&bytes[0..HEAD], &bytes[48..72], rest);
    if !intact {
        return None;
    }
    let (label, tags, payload) = split(bytes[2], rest)?;
    Some(VerifiedEntry {
        header: ClientHeader {
            codec: bytes[1],
            flags: bytes[2],
            identity: u64_at(bytes, 48),
            method: u64_at(bytes, 56),
            cost_us: u32_at(bytes, 64),
        },
        times,
        origin,
        label,
        tags,
        payload,
    })
}

/// The payload of an entry that was verified.
#[inline]
pub(crate) fn payload(bytes: &[u8]) -> &[u8] {
    let rest = bytes.get(HEADER..).unwrap_or_default();
    let flags = bytes.get(2).copied().unwrap_or_default();
    split(flags, rest).map_or(&[], |(_, _, payload)| payload)
}

/// Whether an entry that was verified stands for an error.
#[inline]
pub(crate) fn is_error(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & ERROR != 0)
}

/// Whether an entry is alive as the scripts read it; the call verifies the rest.
#[inline]
pub(crate) fn is_alive(bytes: &[u8], now_ms: u64) -> bool {
    bytes.len() < HEADER || times(bytes).are_alive(now_ms)
}

/// Whether an entry is of this epoch, as the scripts read it. What is too short to be an entry is left to the call,
/// which finds it unreadable.
#[inline]
pub(crate) fn is_of_epoch(bytes: &[u8], current: Option<Epoch>) -> bool {
    bytes.len() < HEADER || Some(origin(bytes).epoch) == current
}

#[inline]
fn origin(bytes: &[u8]) -> Origin {
    Origin {
        epoch: Epoch(bytes[32..40].try_into().expect("eight bytes")),
        began: u64_at(bytes, 40),
    }
}

/// The method's digest as the scripts read it.
pub(crate) fn method_of(bytes: &[u8]) -> Option<u64> {
    (bytes.len() >= HEADER).then(|| u64_at(bytes, 56))
}

#[inline]
fn times(bytes: &[u8]) -> Times {
    Times {
        created_ms: u64_at(bytes, 8),
        soft_ms: u64_at(bytes, 16),
        hard_ms: u64_at(bytes, 24),
    }
}

#[allow(clippy::cast_possible_truncation)] // the modulus is below 2^32
#[inline]
fn stamp_check(times: Times, Origin { epoch, began }: Origin) -> u32 {
    let sum = u128::from(times.created_ms) * 3
        + u128::from(times.soft_ms) * 5
        + u128::from(times.hard_ms) * 7
        + u128::from(u32_at(&epoch.0, 0)) * 11
        + u128::from(u32_at(&epoch.0, 4)) * 13
        + u128::from(began) * 17;
    (sum % u128::from(STAMP_MODULUS)) as u32
}

#[inline]
fn checksum(head: &[u8], header: &[u8], payload: &[u8]) -> u64 {
    // Most entries are small: to bring the parts together costs less than to set up a hasher.
    let together = match payload.len() {
        0..200 => checksum_together::<{ 200 + 28 }>(head, header, payload),
        _ => checksum_together::<512>(head, header, payload),
    };
    if let Some(checksum) = together {
        return checksum;
    }
    let mut hasher = Xxh3::new();
    hasher.update(head);
    hasher.update(header);
    hasher.update(payload);
    hasher.digest()
}

#[inline]
fn checksum_together<const N: usize>(head: &[u8], header: &[u8], payload: &[u8]) -> Option<u64> {
    let mut whole = [0; N];
    let before = head.len() + header.len();
    let whole = whole.get_mut(..before + payload.len())?;
    whole[..head.len()].copy_from_slice(head);
    whole[head.len()..before].copy_from_slice(header);
    whole[before..].copy_from_slice(payload);
    Some(xxh3_64(whole))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
