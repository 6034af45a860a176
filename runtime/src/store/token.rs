//! Fencing tokens.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells one computation from every other of the same field, in all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token(pub(crate) [u8; 16]);

impl Token {
    /// A token that no other computation has.
    pub(crate) fn new(cache: u64) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut token = [0; 16];
        token[..8].copy_from_slice(&origin(cache).to_le_bytes());
        token[8..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Self(token)
    }

    /// Whether a computation of this cache, in this process, has it.
    pub(crate) fn is_of(self, cache: u64) -> bool {
        self.0[..8] == origin(cache).to_le_bytes()
    }
}

/// A number that no other cache has, not even the same one in a forked process.
fn origin(cache: u64) -> u64 {
    static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    RANDOM.hash_one((cache, std::process::id()))
}
