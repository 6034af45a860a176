//! `cache.function("name")`: a name, and a closure at each call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, CachedFunction, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::methods::methods;
use super::source::{Number, Returned, Row, Unwritable};
use super::subject::{CachedMethods, Reply, Request, Subject, on_entry};
use super::{Answer, Failure, Method, Source, Write};

pub(super) fn subject(cache: &Cache, source: &Arc<Source>) -> Subject {
    let functions = Functions {
        cache: cache.clone(),
        source: source.clone(),
    };
    Subject::new(cache, source, functions)
}

#[derive(Clone)]
struct Functions {
    cache: Cache,
    source: Arc<Source>,
}

impl Functions {
    /// What stands in the table of methods, said to a builder.
    fn function(&self, method: Method) -> CachedFunction {
        let function = self.cache.function(format!("{method:?}"));
        let stale = self.cache.function(format!("{method:?}"));
        let stale = stale
            .ttl(Duration::from_secs(600))
            .stale(Duration::from_secs(1200));
        let function = match method {
            Method::Plain
            | Method::Other
            | Method::Fallible
            | Method::Large
            | Method::Unwritable
            | Method::Blocking => function,
            Method::Minutes10 => function.ttl(Duration::from_secs(600)),
            Method::Size1 => function.maxsize(1),
            Method::Size3 => function.maxsize(3),
            Method::Size8 => function.maxsize(8),
            Method::Size4Hour => function.maxsize(4).ttl(Duration::from_secs(3600)),
            Method::Maybe => function.ttl(Duration::from_secs(3600)),
            Method::Stale | Method::BlockingStale => stale,
            Method::Prefer => stale.soft_timeout(Duration::from_secs(2)),
            Method::Hurry => stale.soft_timeout(Duration::from_millis(20)),
            Method::Early => function.ttl(Duration::from_secs(600)).early(0.9),
            _ => panic!("a function without a macro has not the options of {method:?}"),
        };
        function.build().unwrap()
    }

    fn of(&self, method: Method, id: u64) -> Call {
        Call {
            function: self.function(method),
            source: self.source.clone(),
            id,
            outlives_its_caller: is_refreshed(method),
        }
    }
}

/// What there is to call.
struct Call {
    function: CachedFunction,
    source: Arc<Source>,
    id: u64,
    outlives_its_caller: bool,
}

/// Whether the closure has to outlive its call.
fn is_refreshed(method: Method) -> bool {
    matches!(
        method,
        Method::Stale | Method::BlockingStale | Method::Prefer | Method::Hurry | Method::Early
    )
}

/// A call by the method for its return type: `try_get_with` where that is a `Result`.
trait Called: Returned {
    fn call(call: Call) -> BoxFuture<'static, Answer>;

    fn call_blocking(call: Call) -> Answer;

    fn on_entry(call: Call, request: Request) -> BoxFuture<'static, Reply>;

    fn on_entry_blocking(call: Call, request: Request) -> Reply;
}

macro_rules! called {
    ($returned:ty: $call:ident, $outlive:ident, $call_blocking:ident, $outlive_blocking:ident, $refresh:ident) => {
        impl<T: Number + Serialize + DeserializeOwned + Send + Sync + 'static> Called for $returned {
            fn call(call: Call) -> BoxFuture<'static, Answer> {
                let Call { function, source, id, .. } = call;
                Box::pin(async move {
                    if call.outlives_its_caller {
                        let run = move || source.execute::<Self>(&id);
                        function.$outlive(&id, run).await.answer()
                    } else {
                        let run = || source.execute::<Self>(&id);
                        function.$call(&id, run).await.answer()
                    }
                })
            }

            fn call_blocking(call: Call) -> Answer {
                let Call { function, source, id, .. } = call;
                if call.outlives_its_caller {
                    let run = move || source.execute::<Self>(&id).wait();
                    function.$outlive_blocking(&id, run).answer()
                } else {
                    let run = || source.execute::<Self>(&id).wait();
                    function.$call_blocking(&id, run).answer()
                }
            }

            fn on_entry(call: Call, request: Request) -> BoxFuture<'static, Reply> {
                let Call { function, source, id, .. } = call;
                Box::pin(async move {
                    let run = || source.execute::<Self>(&id);
                    on_entry!(request, function.entry::<T>(&id), [.await], |handle| {
                        handle.$refresh(run).await.answer()
                    })
                })
            }

            fn on_entry_blocking(call: Call, request: Request) -> Reply {
                let Call { function, source, id, .. } = call;
                let run = || source.execute::<Self>(&id).wait();
                on_entry!(request, function.entry_sync::<T>(&id), [], |handle| {
                    handle.$refresh(run).answer()
                })
            }
        }
    };
}
called!(T: get_with, get_with_refresh, get_with_sync, get_with_refresh_sync, refresh);
called!(
    Result<T, Failure>: try_get_with, try_get_with_refresh, try_get_with_sync, try_get_with_refresh_sync, try_refresh
);

macro_rules! functions {
    (
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        impl CachedMethods for Functions {
            fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer> {
                let this = self.clone();
                match method {
                    $(Method::$async => <$returned>::call(self.of(method, id)),)*
                    $(Method::$future => <$returned_f>::call(self.of(method, id)),)*
                    $(Method::$sync)|* => Box::pin(async move { this.call_blocking(method, id) }),
                }
            }

            fn call_blocking(&self, method: Method, id: u64) -> Answer {
                match method {
                    $(Method::$sync => <$returned_s>::call_blocking(self.of(method, id)),)*
                    _ => panic!("not a sync method: {method:?}"),
                }
            }

            fn on_entry(&self, method: Method, id: u64, request: Request) -> BoxFuture<'static, Reply> {
                let call = self.of(method, id);
                match method {
                    $(Method::$async => <$returned>::on_entry(call, request),)*
                    $(Method::$future => <$returned_f>::on_entry(call, request),)*
                    $(Method::$sync => Box::pin(async move {
                        <$returned_s>::on_entry_blocking(call, request)
                    }),)*
                }
            }

            fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>> {
                let all = self.function(method).all();
                Box::pin(async move { all.invalidate().await })
            }

            fn write(&self, write: Write, _: u64) -> BoxFuture<'static, Result<(), Failure>> {
                panic!("a function without a macro declares nothing: {write:?}")
            }
        }
    };
}
methods!(functions);
