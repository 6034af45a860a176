//! The cached methods on one cache, through one entry point.

// What is peeked at may be a stored `None`.
#![allow(clippy::option_option)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, EntryToken, Error, Inspection};

use super::{Answer, Failure, Method, Source, Write};

tokio::task_local! {
    static CURRENT: Cache;
}

/// The cache of the subject that is called: what entry points in place name, as a program would name its
/// `static`.
pub(crate) fn current() -> Cache {
    CURRENT.get()
}

/// A future in which this is the cache that entry points in place name.
pub(crate) async fn within<T>(cache: &Cache, future: impl Future<Output = T>) -> T {
    CURRENT.scope(cache.clone(), future).await
}

/// What every entry point has to offer. Nothing that is returned borrows, so that it can be spawned.
pub(super) trait CachedMethods: Send + Sync {
    fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer>;

    /// Of a sync method.
    fn call_blocking(&self, method: Method, id: u64) -> Answer;

    fn on_entry(&self, method: Method, id: u64, request: Request) -> BoxFuture<'static, Reply>;

    fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>>;

    fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>>;
}

/// What is asked of a handle on an entry.
#[derive(Debug)]
pub(super) enum Request {
    Peek,
    Put(Option<u64>),
    Begin,
    PutIfCurrent((Option<u64>, EntryToken)),
    Inspect,
    Invalidate,
    Refresh,
    Ttl,
}

pub(super) enum Reply {
    Peek(Result<Option<Option<u64>>, Error>),
    Put(Result<(), Error>),
    Begin(Result<EntryToken, Error>),
    PutIfCurrent(Result<bool, Error>),
    Inspect(Result<Option<Inspection>, Error>),
    Invalidate(Result<bool, Error>),
    Refresh(Answer),
    Ttl(Result<Option<Duration>, Error>),
}

/// Asks a handle, whose type is another for every method: `[.await]` for an async one. Then how it is refreshed.
macro_rules! on_entry {
    ($request:ident, $handle:expr, [$($await:tt)*], |$to_refresh:ident| $refresh:expr) => {{
        let handle = $handle;
        match $request {
            Request::Peek => {
                let found = handle.peek()$($await)*;
                Reply::Peek(found.map(|found| found.map(|value| Number::number(&value))))
            }
            Request::Put(number) => Reply::Put(handle.put(&Number::of(number))$($await)*),
            Request::Begin => Reply::Begin(handle.begin()$($await)*),
            Request::PutIfCurrent((number, token)) => Reply::PutIfCurrent(
                handle.put_if_current(&Number::of(number), token)$($await)*,
            ),
            Request::Inspect => Reply::Inspect(handle.inspect()$($await)*),
            Request::Invalidate => Reply::Invalidate(handle.invalidate()$($await)*),
            Request::Refresh => {
                let $to_refresh = handle;
                Reply::Refresh($refresh)
            }
            Request::Ttl => Reply::Ttl(handle.ttl()$($await)*),
        }
    }};
}
pub(super) use on_entry;

/// Implements [`CachedMethods`] for a type, by the macros `call`, `entry`, `refresh`, `all` and `writes` of the file:
/// what is written to call a method of the table, and to make its handles.
macro_rules! dispatch {
    ($ty:ident:
        async { $($async:ident $name:ident($id:ident: $arg:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $arg_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $arg_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        impl CachedMethods for $ty {
            fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer> {
                let (this, text) = (self.clone(), id.to_string());
                match method {
                    $(Method::$async => Box::pin(async move {
                        call!(this, $name(Argument::of(id, &text))).await.answer()
                    }),)*
                    $(Method::$future => Box::pin(async move {
                        call!(this, $name_f(Argument::of(id, &text))).await.answer()
                    }),)*
                    _ => Box::pin(async move { this.call_blocking(method, id) }),
                }
            }

            fn call_blocking(&self, method: Method, id: u64) -> Answer {
                let (this, text) = (self, id.to_string());
                match method {
                    $(Method::$sync => call!(this, $name_s(Argument::of(id, &text))).answer(),)*
                    _ => panic!("not a sync method here: {method:?}"),
                }
            }

            fn on_entry(&self, method: Method, id: u64, request: Request) -> BoxFuture<'static, Reply> {
                let (this, text) = (self.clone(), id.to_string());
                match method {
                    $(Method::$async => Box::pin(async move {
                        let handle = entry!(this, $name(Argument::of(id, &text)));
                        on_entry!(request, handle, [.await], |handle| refresh!(this, handle, [.await]))
                    }),)*
                    $(Method::$future => Box::pin(async move {
                        let handle = entry!(this, $name_f(Argument::of(id, &text)));
                        on_entry!(request, handle, [.await], |handle| refresh!(this, handle, [.await]))
                    }),)*
                    $(Method::$sync => Box::pin(async move {
                        let handle = entry!(this, $name_s(Argument::of(id, &text)));
                        on_entry!(request, handle, [], |handle| refresh!(this, handle, []))
                    }),)*
                    #[allow(unreachable_patterns)]
                    _ => panic!("not offered here: {method:?}"),
                }
            }

            fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>> {
                let this = self.clone();
                Box::pin(async move {
                    match method {
                        $(Method::$async => all!(this, $name).invalidate().await,)*
                        $(Method::$future => all!(this, $name_f).invalidate().await,)*
                        $(Method::$sync => all!(this, $name_s).invalidate(),)*
                        #[allow(unreachable_patterns)]
                        _ => panic!("not offered here: {method:?}"),
                    }
                })
            }

            fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>> {
                let this = self.clone();
                Box::pin(async move { writes!(this, write, id) })
            }
        }
    };
}
pub(super) use dispatch;

/// The methods on one cache. Clones are the same.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) cache: Cache,
    pub(crate) source: Arc<Source>,
    methods: Arc<dyn CachedMethods>,
}

impl Subject {
    pub(super) fn new(
        cache: &Cache,
        source: &Arc<Source>,
        methods: impl CachedMethods + 'static,
    ) -> Self {
        Self {
            cache: cache.clone(),
            source: source.clone(),
            methods: Arc::new(methods),
        }
    }

    pub(crate) fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer> {
        self.here(self.methods.call(method, id))
    }

    pub(crate) fn spawn(&self, method: Method, id: u64) -> tokio::task::JoinHandle<Answer> {
        tokio::spawn(self.call(method, id))
    }

    pub(crate) fn call_blocking(&self, method: Method, id: u64) -> Answer {
        CURRENT.sync_scope(self.cache.clone(), || {
            self.methods.call_blocking(method, id)
        })
    }

    pub(crate) fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>> {
        self.here(self.methods.write(write, id))
    }

    /// By the handle on all entries of the method.
    pub(crate) fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>> {
        self.here(self.methods.invalidate_all(method))
    }

    /// The handle on the entry of a call.
    pub(crate) fn entry(&self, method: Method, id: u64) -> Entry<'_> {
        Entry {
            subject: self,
            method,
            id,
        }
    }

    fn here<T: 'static>(&self, future: BoxFuture<'static, T>) -> BoxFuture<'static, T> {
        Box::pin(CURRENT.scope(self.cache.clone(), future))
    }
}

pub(crate) struct Entry<'a> {
    subject: &'a Subject,
    method: Method,
    id: u64,
}

macro_rules! requests {
    ($($name:ident($($given:ident: $ty:ty)?) $request:ident -> $returned:ty;)*) => {$(
        pub(crate) async fn $name(&self $(, $given: $ty)?) -> $returned {
            let request = Request::$request$(($given))?;
            let reply = self.subject.methods.on_entry(self.method, self.id, request);
            match self.subject.here(reply).await {
                Reply::$request(returned) => returned,
                _ => unreachable!("the reply to another request"),
            }
        }
    )*};
}

impl Entry<'_> {
    requests! {
        peek() Peek -> Result<Option<Option<u64>>, Error>;
        put(number: Option<u64>) Put -> Result<(), Error>;
        begin() Begin -> Result<EntryToken, Error>;
        put_if_current(given: (Option<u64>, EntryToken)) PutIfCurrent -> Result<bool, Error>;
        inspect() Inspect -> Result<Option<Inspection>, Error>;
        invalidate() Invalidate -> Result<bool, Error>;
        refresh() Refresh -> Answer;
        ttl() Ttl -> Result<Option<Duration>, Error>;
    }
}
