//! What stands behind the cached methods: it runs what a test says, and counts.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};

/// What every method answers, whatever its return type: one that is no `Option` always has a number, one that
/// is no `Result` never fails.
pub(crate) type Answer = Result<Option<u64>, Failure>;

/// Not `Clone`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure;

/// Not `Clone`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row(u64);

/// What no codec can write.
#[derive(Deserialize)]
pub(crate) struct Unwritable(u64);

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not to be written"))
    }
}

/// One execution: the how many-th it is, from 0 on, and the argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) id: u64,
}

type Body = Arc<dyn Fn(Run) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Answers with its argument until a test says what to do instead.
pub(crate) struct Source {
    runs: AtomicU64,
    read: Mutex<Body>,
    write: Mutex<Body>,
}

impl Default for Source {
    fn default() -> Self {
        let body = || -> Mutex<Body> {
            Mutex::new(Arc::new(|run| Box::pin(async move { Ok(Some(run.id)) })))
        };
        Self {
            runs: AtomicU64::new(0),
            read: body(),
            write: body(),
        }
    }
}

impl Source {
    /// A source whose cached methods run this. A sync method blocks on it, without a runtime.
    pub(crate) fn new<F: Future<Output = Answer> + Send + 'static>(
        body: impl Fn(Run) -> F + Send + Sync + 'static,
    ) -> Arc<Self> {
        let source = Self::default();
        source.runs_from_now_on(body);
        Arc::new(source)
    }

    pub(crate) fn runs_from_now_on<F: Future<Output = Answer> + Send + 'static>(
        &self,
        body: impl Fn(Run) -> F + Send + Sync + 'static,
    ) {
        *self.read.lock().unwrap() = Arc::new(move |run| body(run).boxed());
    }

    /// What the methods that declare invalidations run.
    pub(crate) fn writes<F: Future<Output = Answer> + Send + 'static>(
        &self,
        body: impl Fn(Run) -> F + Send + Sync + 'static,
    ) {
        *self.write.lock().unwrap() = Arc::new(move |run| body(run).boxed());
    }

    /// How many executions have begun, writes apart.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// The body of every cached method.
    pub(super) fn execute<T: Returned>(&self, id: &impl Key) -> Execution<T> {
        let number = self.runs.fetch_add(1, Ordering::SeqCst);
        let id = id.number();
        let body = self.read.lock().unwrap().clone();
        Execution(body(Run { number, id }).map(T::of).boxed())
    }

    /// The body of every method that declares invalidations.
    pub(super) fn execute_write(&self, id: u64) -> Execution<Result<(), Failure>> {
        let body = self.write.lock().unwrap().clone();
        let written = body(Run { number: 0, id });
        Execution(written.map(|answer| answer.map(drop)).boxed())
    }
}

/// An execution under way: a future for async methods, to be waited for by sync ones.
pub(super) struct Execution<T>(BoxFuture<'static, T>);

impl<T> Execution<T> {
    pub(super) fn wait(self) -> T {
        pollster::block_on(self.0)
    }
}

impl<T> Future for Execution<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(context)
    }
}

/// An argument: numbers, and texts of them.
pub(super) trait Key {
    fn number(&self) -> u64;
}

impl Key for u64 {
    fn number(&self) -> u64 {
        *self
    }
}

impl Key for &str {
    fn number(&self) -> u64 {
        self.parse().unwrap()
    }
}

/// From a call's number to the argument that its method takes.
pub(super) trait Argument<'a> {
    fn of(id: u64, text: &'a str) -> Self;
}

impl Argument<'_> for u64 {
    fn of(id: u64, _: &str) -> Self {
        id
    }
}

impl<'a> Argument<'a> for &'a str {
    fn of(_: u64, text: &'a str) -> Self {
        text
    }
}

/// A type that is stored, as the number that it is in answers.
pub(super) trait Number {
    fn of(number: Option<u64>) -> Self;
    fn number(&self) -> Option<u64>;
}

/// For types that always have a number.
macro_rules! numbers {
    ($($ty:ty: $of:expr, $number:expr;)*) => {$(
        impl Number for $ty {
            fn of(number: Option<u64>) -> Self {
                let of: fn(u64) -> Self = $of;
                of(number.expect("this method always returns a number"))
            }

            fn number(&self) -> Option<u64> {
                let number: fn(&Self) -> u64 = $number;
                Some(number(self))
            }
        }
    )*};
}
numbers! {
    u64: |number| number, |number| *number;
    Row: Row, |row| row.0;
    Unwritable: Unwritable, |value| value.0;
    // A large value.
    Vec<u64>: |number| vec![number; 100_000], |values| values[99_999];
}

impl Number for Option<u64> {
    fn of(number: Option<u64>) -> Self {
        number
    }

    fn number(&self) -> Option<u64> {
        *self
    }
}

/// What a method returns, as an answer.
pub(super) trait Returned: Sized + Send + 'static {
    fn of(answer: Answer) -> Self;
    fn answer(self) -> Answer;
}

impl<T: Number + Send + 'static> Returned for T {
    fn of(answer: Answer) -> Self {
        T::of(answer.expect("this method cannot fail"))
    }

    fn answer(self) -> Answer {
        Ok(self.number())
    }
}

impl<T: Number + Send + 'static> Returned for Result<T, Failure> {
    fn of(answer: Answer) -> Self {
        answer.map(T::of)
    }

    fn answer(self) -> Answer {
        self.map(|value| value.number())
    }
}
