//! What a pair knows of a method: its epoch, and the builds of it that may have stored.
//!
//! On a server it is a value of the hash of leases; `lua/shared/epoch.lua` says more.

use crate::entry::header::Epoch;
use crate::key::digest::Build;
use crate::rt::random;

/// With more builds than that a new epoch begins, for the last of them alone.
pub(crate) const MOST_BUILDS: usize = 16;

/// The state of a method, as it is stored: 8 bytes of epoch, then 4 of each build.
#[derive(Clone, Copy)]
pub(crate) struct MethodState<'b>(&'b [u8]);

impl<'b> MethodState<'b> {
    /// `None` if these bytes are no state.
    pub(crate) fn of(bytes: &'b [u8]) -> Option<Self> {
        (bytes.len() >= 8).then_some(Self(bytes))
    }

    pub(crate) fn epoch(self) -> Epoch {
        Epoch(*self.0.first_chunk().expect("it has 8 bytes at least"))
    }

    pub(crate) fn builds(self) -> impl Iterator<Item = Build> + use<'b> {
        self.0[8..].as_chunks().0.iter().copied()
    }

    /// Whether invalidations reach what this build stores.
    pub(crate) fn has(self, build: Build) -> bool {
        self.builds().any(|known| known == build)
    }
}

/// An epoch that no method has had.
pub(crate) fn new_epoch() -> Epoch {
    Epoch(random::bits().to_le_bytes())
}
