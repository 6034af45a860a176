//! What of a returned value is stored. `Result` is recognised by type and not by name, through any alias.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::{Codec, CodecError};

/// How what a method returns relates to what is stored of it.
pub trait ReturnType<R> {
    /// What is stored.
    type Stored;

    /// What is to be stored, or the returned value where nothing is.
    ///
    /// # Errors
    /// Not an error: the value that is handed through.
    fn into_stored(returned: R) -> Result<Self::Stored, R>;

    /// What is to be stored, by reference.
    fn stored_in(returned: &R) -> Option<&Self::Stored>;

    /// What the method would have returned.
    fn from_stored(stored: Self::Stored) -> R;
}

/// `Result` (`true`: only `Ok` is stored), and everything else (`false`).
#[derive(Debug, Clone, Copy)]
pub struct ReturnTypeOf<const IS_RESULT: bool>;

impl<T, E> ReturnType<Result<T, E>> for ReturnTypeOf<true> {
    type Stored = T;

    fn into_stored(returned: Result<T, E>) -> Result<T, Result<T, E>> {
        returned.map_err(Err)
    }

    fn stored_in(returned: &Result<T, E>) -> Option<&T> {
        returned.as_ref().ok()
    }

    fn from_stored(stored: T) -> Result<T, E> {
        Ok(stored)
    }
}

impl<R> ReturnType<R> for ReturnTypeOf<false> {
    type Stored = R;

    fn into_stored(returned: R) -> Result<R, R> {
        Ok(returned)
    }

    fn stored_in(returned: &R) -> Option<&R> {
        Some(returned)
    }

    fn from_stored(stored: R) -> R {
        stored
    }
}

/// Finds the return type `R`. An inherent item takes precedence over a trait's, and the inherent ones
/// exist for `Result` alone: so `Probe::<R>::IS_RESULT` is right for every spelling of `R`.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// A probe for `R`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Probe<Result<T, E>> {
    /// Whether the type is a `Result`.
    pub const IS_RESULT: bool = true;

    /// The return type, as a value.
    pub const fn return_type(self) -> ReturnTypeOf<true> {
        ReturnTypeOf
    }
}

impl Probe<()> {
    /// Whether there is no value to store.
    pub const IS_NOTHING: bool = true;
}

impl<E> Probe<Result<(), E>> {
    /// Whether there is no value to store.
    pub const IS_NOTHING: bool = true;
}

/// What a [`Probe`] finds of a type that is not a `Result`.
pub trait PlainProbe: Sized {
    /// Whether there is no value to store.
    const IS_NOTHING: bool = false;

    /// Whether the type is a `Result`.
    const IS_RESULT: bool = false;

    /// The return type, as a value.
    fn return_type(self) -> ReturnTypeOf<false> {
        ReturnTypeOf
    }
}

impl<R> PlainProbe for Probe<R> {}

/// A return type that is what its name says. Where a type parameter is in it, the type of a handle is decided by the
/// name, and this is the proof that the compiler finds the same.
#[diagnostic::on_unimplemented(
    message = "the compiler and the name of this return type disagree on whether it is a `Result`",
    label = "an alias of `Result` with a type parameter needs a name that ends in `Result`, and no other type may have one",
    note = "write `Result<T, E>`, rename the type, or add `#[nocache]`"
)]
pub trait NamedAs<S> {}

impl<const IS_RESULT: bool> NamedAs<ReturnTypeOf<IS_RESULT>> for ReturnTypeOf<IS_RESULT> {}

/// Refuses a return type that is not what its name says.
pub const fn named_as<S, Found: NamedAs<S> + Copy>(_: Found) {}

/// Asks whether a type that is written without a lifetime hides none: of all `fn(&()) -> R`, those
/// whose result does not borrow from the argument alone have the inherent constant.
#[derive(Debug)]
pub struct Lent<F>(PhantomData<F>);

impl<R> Lent<for<'a> fn(&'a ()) -> R> {
    /// Whether the type owns what it holds.
    pub const OWNS: bool = true;
}

/// What [`Lent`] finds of a type that borrows.
pub trait PlainLent {
    /// Whether the type owns what it holds.
    const OWNS: bool = false;
}

impl<F> PlainLent for Lent<F> {}

/// The answer of [`Lent`] as a type.
#[derive(Debug)]
pub struct OwnsIs<const OWNS: bool>;

/// A returned type that owns what it holds.
#[diagnostic::on_unimplemented(
    message = "a cached method cannot return a type that borrows",
    label = "this type has a lifetime, and what is stored must own what it holds",
    note = "return a type without a lifetime (with `String` for `&str`, `Vec` for slices), or add `#[nocache]`"
)]
pub trait Owning {}

impl Owning for OwnsIs<true> {}

/// Refuses a returned type that borrows.
pub const fn owning<T: Owning>() {}

/// `R` of `fn(&'a ()) -> R`: there a type may leave out a lifetime.
pub trait Returns {
    /// What is returned.
    type Returned;
}

impl<A, R> Returns for fn(A) -> R {
    type Returned = R;
}

/// What a function returns.
pub type ReturnedBy<F> = <F as Returns>::Returned;

/// A value that can be stored: everything that serde writes and reads back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in the cache",
    label = "a cached method must return `T` or `Result<T, E>` with `T: serde::Serialize + serde::de::DeserializeOwned`",
    note = "derive both for a type of yours; a type of another crate often has them behind a feature of that crate, such as `serde`",
    note = "or leave it uncached: `#[nocache]` on a method"
)]
pub trait Value: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Value for T {}

/// What a call stores and reads back: a value, or a [`ValueOrError`](super::cached_error::ValueOrError).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in the cache",
    label = "a cached method must return `T` or `Result<T, E>` with `T: serde::Serialize + serde::de::DeserializeOwned`",
    note = "derive both for a type of yours; a type of another crate often has them behind a feature of that crate, such as `serde`",
    note = "or leave it uncached: `#[nocache]` on a method"
)]
pub trait Storable: Sized {
    /// Whether the method returned an error.
    fn is_error(&self) -> bool {
        false
    }

    /// What a codec is given.
    fn payload(&self) -> &dyn erased_serde::Serialize;

    /// Reads what was stored: of a value, or of an error.
    ///
    /// # Errors
    /// It cannot be read.
    fn decode(codec: &Codec, payload: &[u8], is_error: bool) -> Result<Self, CodecError>;
}

#[diagnostic::do_not_recommend]
impl<T: Value> Storable for T {
    fn payload(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn decode(codec: &Codec, payload: &[u8], is_error: bool) -> Result<Self, CodecError> {
        if is_error {
            return Err("an error is stored in the place of the value".into());
        }
        codec.decode(payload)
    }
}
