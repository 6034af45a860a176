//! The cached methods on one cache, through one entry point.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, Error};

use super::{Answer, Failure, Method, Source, Write};

/// What every entry point has to offer; `super::wrapper` and its neighbours implement it.
pub(super) trait CachedMethods: Send + Sync {
    fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer>;

    /// Of a sync method.
    fn call_blocking(&self, method: Method, id: u64) -> Answer;

    fn on_entry(&self, method: Method, id: u64, request: Request) -> BoxFuture<'static, Reply>;

    fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>>;

    fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>>;
}

/// What is asked of a handle on an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    Peek,
    Put(Option<u64>),
    Invalidate,
    Refresh,
    Ttl,
}

pub(super) enum Reply {
    Peek(Result<Option<Option<u64>>, Error>),
    Put(Result<(), Error>),
    Invalidate(Result<bool, Error>),
    Refresh(Answer),
    Ttl(Result<Option<Duration>, Error>),
}

/// Asks a handle, whose type is another for every method: `[.await]` for an async one, then what `refresh` is
/// given.
macro_rules! on_entry {
    ($request:expr, $handle:expr, [$($await:tt)*] $(, $argument:expr)*) => {{
        let handle = $handle;
        match $request {
            Request::Peek => {
                let found = handle.peek()$($await)*;
                Reply::Peek(found.map(|found| found.map(|value| Number::number(&value))))
            }
            Request::Put(number) => Reply::Put(handle.put(&Number::of(number))$($await)*),
            Request::Invalidate => Reply::Invalidate(handle.invalidate()$($await)*),
            Request::Refresh => {
                Reply::Refresh(Returned::answer(handle.refresh($($argument),*)$($await)*))
            }
            Request::Ttl => Reply::Ttl(handle.ttl()$($await)*),
        }
    }};
}
pub(super) use on_entry;

/// The methods on one cache. Clones are the same.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) cache: Cache,
    pub(crate) source: Arc<Source>,
    methods: Arc<dyn CachedMethods>,
}

impl Subject {
    pub(super) fn new(cache: &Cache, source: Arc<Source>, methods: impl CachedMethods + 'static) -> Self {
        Self {
            cache: cache.clone(),
            source,
            methods: Arc::new(methods),
        }
    }

    /// A call that borrows nothing, so that it can be spawned.
    pub(crate) fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer> {
        self.methods.call(method, id)
    }

    pub(crate) fn spawn(&self, method: Method, id: u64) -> tokio::task::JoinHandle<Answer> {
        tokio::spawn(self.call(method, id))
    }

    pub(crate) fn call_blocking(&self, method: Method, id: u64) -> Answer {
        self.methods.call_blocking(method, id)
    }

    pub(crate) fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>> {
        self.methods.write(write, id)
    }

    /// By the handle on all entries of the method.
    pub(crate) fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>> {
        self.methods.invalidate_all(method)
    }

    /// The handle on the entry of a call.
    pub(crate) fn entry(&self, method: Method, id: u64) -> Entry<'_> {
        Entry {
            subject: self,
            method,
            id,
        }
    }
}

pub(crate) struct Entry<'a> {
    subject: &'a Subject,
    method: Method,
    id: u64,
}

macro_rules! requests {
    ($($name:ident($($number:ident)?) $request:ident -> $returned:ty;)*) => {$(
        pub(crate) async fn $name(&self $(, $number: Option<u64>)?) -> $returned {
            let request = Request::$request$(($number))?;
            let reply = self.subject.methods.on_entry(self.method, self.id, request);
            match reply.await {
                Reply::$request(returned) => returned,
                _ => unreachable!("the reply to another request"),
            }
        }
    )*};
}

impl Entry<'_> {
    requests! {
        peek() Peek -> Result<Option<Option<u64>>, Error>;
        put(number) Put -> Result<(), Error>;
        invalidate() Invalidate -> Result<bool, Error>;
        refresh() Refresh -> Answer;
        ttl() Ttl -> Result<Option<Duration>, Error>;
    }
}
