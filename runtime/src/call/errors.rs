//! A call of a method whose errors are cached as well.

use std::future::Future;

use super::Call;
use crate::method::cacheability::Cacheability;
use crate::method::cached_error::{CachedErrors, ErrorForm, ValueOrError};
use crate::method::return_type::{ReturnTypeOf, Value};

/// A call of a method with `cache_err`: as [`Call`], for what it returns as a whole.
#[derive(Debug)]
pub struct CallWithErrors<'a, F: ErrorForm> {
    call: Call<'a>,
    errors: CachedErrors<F>,
}

impl<'a> Call<'a> {
    /// Caches errors as well as values.
    #[must_use]
    pub fn caching_errors<F: ErrorForm>(self, errors: CachedErrors<F>) -> CallWithErrors<'a, F> {
        CallWithErrors { call: self, errors }
    }
}

impl<F: ErrorForm> CallWithErrors<'_, F> {
    /// As [`Call::run`].
    ///
    /// # Errors
    /// Those of the method.
    pub async fn run<T: Value, Fut>(
        self,
        _return_type: ReturnTypeOf<true>,
        cacheability: impl FnOnce(&T) -> Cacheability,
        method: impl FnOnce() -> Fut,
    ) -> Result<T, F::Error>
    where
        Fut: Future<Output = Result<T, F::Error>>,
    {
        let errors = self.errors;
        let cacheability =
            |outcome: &ValueOrError<T, F>| errors.cacheability(outcome, cacheability);
        let method = || async { ValueOrError::of(method().await) };
        let outcome = self.call.run(ReturnTypeOf::<false>, cacheability, method);
        errors.returned(outcome.await)
    }

    /// As [`Call::run_stale`].
    ///
    /// # Errors
    /// Those of the method.
    pub async fn run_stale<T, Fut>(
        self,
        _return_type: ReturnTypeOf<true>,
        cacheability: impl Fn(&T) -> Cacheability + Send + 'static,
        make: impl FnOnce() -> Fut,
    ) -> Result<T, F::Error>
    where
        T: Value + Send + 'static,
        F: Send + 'static,
        Fut: Future<Output = Result<T, F::Error>> + Send + 'static,
    {
        let errors = self.errors;
        let cacheability =
            move |outcome: &ValueOrError<T, F>| errors.cacheability(outcome, &cacheability);
        let make = || {
            let method = make();
            async move { ValueOrError::of(method.await) }
        };
        let outcome = self
            .call
            .run_stale(ReturnTypeOf::<false>, cacheability, make);
        errors.returned(outcome.await)
    }

    /// As [`Call::run_blocking`].
    ///
    /// # Errors
    /// Those of the method.
    pub fn run_blocking<T: Value>(
        self,
        _return_type: ReturnTypeOf<true>,
        cacheability: impl FnOnce(&T) -> Cacheability,
        method: impl FnOnce() -> Result<T, F::Error>,
    ) -> Result<T, F::Error> {
        let errors = self.errors;
        let cacheability =
            |outcome: &ValueOrError<T, F>| errors.cacheability(outcome, cacheability);
        let method = || ValueOrError::of(method());
        let call = self.call;
        errors.returned(call.run_blocking(ReturnTypeOf::<false>, cacheability, method))
    }

    /// As [`Call::run_stale_blocking`].
    ///
    /// # Errors
    /// Those of the method.
    pub fn run_stale_blocking<T, Run>(
        self,
        _return_type: ReturnTypeOf<true>,
        cacheability: impl Fn(&T) -> Cacheability + Send + 'static,
        make: impl FnOnce() -> Run,
    ) -> Result<T, F::Error>
    where
        T: Value + Send + 'static,
        F: Send + 'static,
        Run: FnOnce() -> Result<T, F::Error> + Send + 'static,
    {
        let errors = self.errors;
        let cacheability =
            move |outcome: &ValueOrError<T, F>| errors.cacheability(outcome, &cacheability);
        let make = || {
            let run = make();
            move || ValueOrError::of(run())
        };
        let call = self.call;
        errors.returned(call.run_stale_blocking(ReturnTypeOf::<false>, cacheability, make))
    }
}
