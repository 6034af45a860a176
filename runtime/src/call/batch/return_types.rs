//! What a batch call knows of types: as functions, so that its own type has no conditions. A returned type that cannot
//! be split is then one error, where the call is made.

use std::time::Duration;

use super::super::lookup::FoundBytes;
use super::attempt::BatchAttempt;
use super::commit::ItemValue;
use crate::entry::codec::Codec;
use crate::method::batch_return::{BatchReturn, Split};
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Value};

/// How a method that returns `R` for ids `K` relates to its answers `A`, and those to the stored values `T`.
pub(super) struct ReturnTypes<K: ?Sized, R, A, T> {
    pub(super) is_by_position: bool,
    pub(super) split: fn(R, &[&K]) -> SplitReturn<R, A>,
    pub(super) join: fn(Vec<(&K, A)>) -> R,
    pub(super) into_stored: fn(A) -> Result<T, A>,
    pub(super) from_stored: fn(T) -> A,
    pub(super) decode: fn(&mut BatchAttempt<'_>, usize, FoundBytes) -> Option<A>,
    pub(super) encode:
        fn(&mut BatchAttempt<'_>, usize, &T, Duration, Cacheability) -> Option<ItemValue>,
    /// Through the codec: an answer need not be `Clone`.
    pub(super) copy: fn(&Codec, &A) -> Option<A>,
}

/// What a method returned, taken apart.
pub(super) enum SplitReturn<R, A> {
    Answers(Split<A>),
    /// Another number of values than there are ids.
    Misfit(R),
    /// An `Err`, which is the answer of the whole call.
    Whole(R),
}

impl<K: ?Sized, R, A, T: Value> ReturnTypes<K, R, A, T> {
    pub(super) fn of<S, I>() -> Self
    where
        S: ReturnType<R>,
        S::Stored: BatchReturn<K, Item = A>,
        I: ReturnType<A, Stored = T>,
    {
        Self {
            is_by_position: S::Stored::IS_BY_POSITION,
            split: split::<K, R, A, S>,
            join: |items| S::from_stored(S::Stored::join(items.into_iter())),
            into_stored: I::into_stored,
            from_stored: I::from_stored,
            decode: |attempt, index, found| attempt.decode(index, found).map(I::from_stored),
            encode: |attempt, index, value, cost, cacheability| {
                attempt.encode(index, value, cost, &cacheability)
            },
            copy: copy::<A, T, I>,
        }
    }
}

fn split<K: ?Sized, R, A, S>(returned: R, ids: &[&K]) -> SplitReturn<R, A>
where
    S: ReturnType<R>,
    S::Stored: BatchReturn<K, Item = A>,
{
    match S::into_stored(returned).map(|stored| stored.split(ids)) {
        Ok(Ok(answers)) => SplitReturn::Answers(answers),
        Ok(Err(misfit)) => SplitReturn::Misfit(S::from_stored(misfit)),
        Err(whole) => SplitReturn::Whole(whole),
    }
}

fn copy<A, T: Value, I: ReturnType<A, Stored = T>>(codec: &Codec, answer: &A) -> Option<A> {
    let value = I::stored_in(answer)?;
    let mut bytes = Vec::new();
    codec.encode(value, &mut bytes).ok()?;
    codec.decode(&bytes).ok().map(I::from_stored)
}
