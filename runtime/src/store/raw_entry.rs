//! The bytes of an entry, on their own or in a reply to many reads.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;

/// The bytes of an entry that was found.
#[derive(Clone)]
pub(crate) enum RawEntry {
    Own(Bytes),
    /// Where they lie in a reply to many reads, which is kept as a whole while one of them is used.
    Shared {
        reply: Arc<dyn ReplyBytes>,
        range: Range<usize>,
    },
}

/// A reply that holds the bytes of many entries.
pub(crate) trait ReplyBytes: Send + Sync {
    fn bytes(&self) -> &[u8];
}

impl Deref for RawEntry {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared { reply, range } => reply.bytes().get(range.clone()).unwrap_or_default(),
        }
    }
}

// What is stored is not for logs.
impl fmt::Debug for RawEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes)", self.len())
    }
}

impl PartialEq for RawEntry {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RawEntry {}

impl From<Vec<u8>> for RawEntry {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes.into())
    }
}
