//! A guard around any deserializer: how deep it may nest, how much of the stack it may use, and how
//! much it may give out, whatever the bytes say.
//!
//! Formats and their crates bound some of this, each in its own way: Postcard no depth, YAML an
//! alias but not what it stands for. Here is one bound for all, also for codecs of users.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error};

use super::object;

/// Deeper values are refused.
pub(crate) const DEPTH: usize = 128;
/// Decoders are recursive, and the size of a level depends on the user's type: so the stack is
/// measured as well. A thread of 256 KiB has room for this, and for what is around it.
const STACK: usize = 160 << 10;
/// Each element or byte that is given out, for a byte of the payload: above one because a struct
/// may have fields that take no bytes.
const GIVEN_PER_BYTE: usize = 16;
/// Elements that take no bytes at all, such as those of a `Vec<()>`.
const GIVEN_FOR_NOTHING: usize = 64 << 10;
/// Elements for which room is made before they are there.
pub(super) const ANNOUNCED: usize = 1024;

/// What one decoding may use.
pub(super) struct DecodeLimits {
    left: Cell<usize>,
    stack: StackLimit,
}

/// How much of the stack is used since it was made.
#[derive(Clone, Copy)]
pub(super) struct StackLimit(usize);

impl StackLimit {
    #[inline]
    pub(super) fn here() -> Self {
        let here = 0u8;
        Self(std::ptr::from_ref(&here).addr())
    }

    #[inline]
    pub(super) fn is_used_up(self) -> bool {
        Self::here().0.abs_diff(self.0) > STACK
    }
}

impl DecodeLimits {
    pub(super) fn of(payload: &[u8]) -> Self {
        let given = payload.len().saturating_mul(GIVEN_PER_BYTE);
        Self::giving(given.saturating_add(GIVEN_FOR_NOTHING))
    }

    fn giving(left: usize) -> Self {
        Self {
            left: Cell::new(left),
            stack: StackLimit::here(),
        }
    }

    pub(super) fn give<E: Error>(&self, n: usize) -> Result<(), E> {
        match self.left.get().checked_sub(n) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("the payload asks for more than it can hold")),
        }
    }

    pub(super) fn check_depth<E: Error>(&self, depth: usize) -> Result<(), E> {
        if depth >= DEPTH || self.stack.is_used_up() {
            return Err(E::custom("the value is nested too deep"));
        }
        Ok(())
    }
}

/// A value that is read inside a guard, for decoders that take a type and no deserializer. Nothing
/// bounds what they give out but the payload itself.
pub(super) struct Inside<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inside<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        let value = object::read(&DecodeLimits::giving(usize::MAX), &mut object);
        value.map(Self).map_err(D::Error::custom)
    }
}
