//! Errors that are answers: which are stored, for how long, and what of them.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use erased_serde::Serialize;

use super::cacheability::Cacheability;
use super::return_type::{Storable, Value};
use crate::entry::codec::{Codec, CodecError};

/// What a method with `cache_err` returns.
#[diagnostic::on_unimplemented(
    message = "`cache_err` chooses among the errors of a method, and `{Self}` is no `Result`",
    label = "return `Result<T, E>`, or remove `cache_err`; `cache_if` is for values"
)]
pub trait Fallible {
    /// The error.
    type Error;
}

impl<T, E> Fallible for Result<T, E> {
    type Error = E;
}

/// An error that can be stored as it is.
#[diagnostic::on_unimplemented(
    message = "an error of type `{Self}` cannot be stored in the cache",
    label = "`cache_err` needs `E: serde::Serialize + serde::de::DeserializeOwned`",
    note = "derive both; or add `err_value = Self::name`, the path of a `fn() -> E` that makes the error again: then no error is stored, only that there was one"
)]
pub trait ErrorValue: Value {}

#[diagnostic::do_not_recommend]
impl<E: Value> ErrorValue for E {}

/// What is stored of an error.
pub trait ErrorForm: Sized {
    /// The error that a method returns.
    type Error;
    /// What makes an error of what is stored.
    type Restore: Copy + Send + Sync;

    /// What is stored of this one.
    fn of(error: Self::Error) -> Self;

    /// The error, unless it comes from the store and is not made again yet.
    fn error(&self) -> Option<&Self::Error>;

    /// What a codec is given for an error.
    fn payload(error: &Self::Error) -> &dyn Serialize;

    /// Reads what was stored.
    ///
    /// # Errors
    /// It cannot be read.
    fn decode(codec: &Codec, payload: &[u8]) -> Result<Self, CodecError>;

    /// The error that a method would have returned.
    fn into_error(self, restore: Self::Restore) -> Self::Error;
}

/// The whole error.
pub struct WholeError<E>(E);

/// Only that there was an error: `err_value` makes it again.
pub struct ErrorMarker<E>(Option<E>);

impl<E: Value> ErrorForm for WholeError<E> {
    type Error = E;
    type Restore = ();

    fn of(error: E) -> Self {
        Self(error)
    }

    fn error(&self) -> Option<&E> {
        Some(&self.0)
    }

    fn payload(error: &E) -> &dyn Serialize {
        error
    }

    fn decode(codec: &Codec, payload: &[u8]) -> Result<Self, CodecError> {
        codec.decode(payload).map(Self)
    }

    fn into_error(self, (): ()) -> E {
        self.0
    }
}

impl<E> ErrorForm for ErrorMarker<E> {
    type Error = E;
    type Restore = fn() -> E;

    fn of(error: E) -> Self {
        Self(Some(error))
    }

    fn error(&self) -> Option<&E> {
        self.0.as_ref()
    }

    // Every codec can write a `None`, for methods may return one.
    fn payload(_: &E) -> &dyn Serialize {
        &None::<()>
    }

    fn decode(_: &Codec, _: &[u8]) -> Result<Self, CodecError> {
        Ok(Self(None))
    }

    fn into_error(self, restore: fn() -> E) -> E {
        self.0.unwrap_or_else(restore)
    }
}

/// What a method with `cache_err` returned, or what is stored of that.
#[derive(Debug)]
pub(crate) enum ValueOrError<T, F> {
    /// Its value.
    Value(T),
    /// Its error.
    Error(F),
}

impl<T: Value, F: ErrorForm> Storable for ValueOrError<T, F> {
    fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    fn payload(&self) -> &dyn Serialize {
        match self {
            Self::Value(value) => value,
            Self::Error(error) => error.error().map_or(&None::<()>, F::payload),
        }
    }

    fn decode(codec: &Codec, payload: &[u8], is_error: bool) -> Result<Self, CodecError> {
        if is_error {
            F::decode(codec, payload).map(Self::Error)
        } else {
            codec.decode(payload).map(Self::Value)
        }
    }
}

impl<T, F: ErrorForm> ValueOrError<T, F> {
    pub(crate) fn of(returned: Result<T, F::Error>) -> Self {
        match returned {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Error(F::of(error)),
        }
    }
}

/// The options `cache_err`, `ttl_err` and `err_value` of a method.
pub struct CachedErrors<F: ErrorForm> {
    is_cached: fn(&F::Error) -> bool,
    ttl: Duration,
    restore: F::Restore,
}

/// For a method that returns `R`: the compiler finds out what its errors are.
#[derive(Debug)]
pub struct ErrorsOf<R>(PhantomData<fn() -> R>);

impl<R: Fallible> ErrorsOf<R> {
    /// Errors are stored whole.
    pub fn whole(
        is_cached: fn(&R::Error) -> bool,
        ttl_ms: u64,
    ) -> CachedErrors<WholeError<R::Error>>
    where
        R::Error: ErrorValue,
    {
        CachedErrors {
            is_cached,
            ttl: Duration::from_millis(ttl_ms),
            restore: (),
        }
    }

    /// Only that there was an error is stored.
    pub fn marked(
        is_cached: fn(&R::Error) -> bool,
        ttl_ms: u64,
        restore: fn() -> R::Error,
    ) -> CachedErrors<ErrorMarker<R::Error>> {
        CachedErrors {
            is_cached,
            ttl: Duration::from_millis(ttl_ms),
            restore,
        }
    }
}

impl<F: ErrorForm> CachedErrors<F> {
    /// The cacheability of what a method returned.
    pub(crate) fn cacheability<T>(
        self,
        outcome: &ValueOrError<T, F>,
        of_value: impl FnOnce(&T) -> Cacheability,
    ) -> Cacheability {
        match outcome {
            ValueOrError::Value(value) => of_value(value),
            ValueOrError::Error(error)
                if error.error().is_some_and(|error| self.includes(error)) =>
            {
                Cacheability::Error(self.ttl)
            }
            ValueOrError::Error(_) => Cacheability::Failed,
        }
    }

    /// What the method returned, or would have.
    pub(crate) fn returned<T>(self, outcome: ValueOrError<T, F>) -> Result<T, F::Error> {
        match outcome {
            ValueOrError::Value(value) => Ok(value),
            ValueOrError::Error(error) => Err(error.into_error(self.restore)),
        }
    }

    // Its panic is not the method's: the caller is given the error all the same.
    fn includes(self, error: &F::Error) -> bool {
        let is_cached = catch_unwind(AssertUnwindSafe(|| (self.is_cached)(error)));
        is_cached.unwrap_or_else(|_| {
            tracing::warn!("redis-func-cache: `cache_err` panicked; the error is not stored");
            false
        })
    }
}

impl<F: ErrorForm> Clone for CachedErrors<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: ErrorForm> Copy for CachedErrors<F> {}

// Errors of users are not for logs.
impl<E> fmt::Debug for WholeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeError").finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for ErrorMarker<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMarker").finish_non_exhaustive()
    }
}

impl<F: ErrorForm> fmt::Debug for CachedErrors<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CachedErrors");
        debug.field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// An error in what a method returned, on its way to the store.
pub struct ErrorToStore<'r> {
    pub(crate) value: &'r dyn Serialize,
    pub(crate) ttl: Duration,
}

impl fmt::Debug for ErrorToStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ErrorToStore");
        debug.field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The error in what a method returned, if it is to be stored.
pub fn error_to_store<T, F: ErrorForm>(
    returned: &Result<T, F::Error>,
    errors: CachedErrors<F>,
) -> Option<ErrorToStore<'_>> {
    let error = returned.as_ref().err()?;
    errors.includes(error).then(|| ErrorToStore {
        value: F::payload(error),
        ttl: errors.ttl,
    })
}
