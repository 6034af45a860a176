//! `#[cache_fn(cache = …)]` on free functions.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, Error, cache_fn};

use super::methods::methods;
use super::source::{Argument, Number, Returned, Row, Unwritable};
use super::subject::{CachedMethods, Reply, Request, Subject, current, dispatch, on_entry};
use super::{Answer, Failure, Method, Source, Write};

pub(super) fn subject(cache: &Cache, source: &Arc<Source>) -> Subject {
    Subject::new(cache, source, Caller(source.clone()))
}

/// Calls them with a source, which is not in their key.
#[derive(Clone)]
struct Caller(Arc<Source>);

macro_rules! functions {
    (
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        $(
            #[cache_fn(cache = current(), $($option)*)]
            async fn $name(#[cache_skip] source: &Arc<Source>, $id: $ty) -> $returned {
                source.execute(&$id).await
            }
        )*
        $(
            #[cache_fn(cache = current(), $($option_f)*)]
            fn $name_f(
                #[cache_skip] source: &Arc<Source>,
                $id_f: $ty_f,
            ) -> impl Future<Output = $returned_f> + Send {
                source.execute(&$id_f)
            }
        )*
        $(
            #[cache_fn(cache = current(), $($option_s)*)]
            fn $name_s(#[cache_skip] source: &Arc<Source>, $id_s: $ty_s) -> $returned_s {
                source.execute(&$id_s).wait()
            }
        )*
    };
}
methods!(functions);

macro_rules! call {
    ($caller:ident, $name:ident($argument:expr)) => {
        $name(&$caller.0, $argument)
    };
}

macro_rules! entry {
    ($caller:ident, $name:ident($argument:expr)) => {
        $name::entry($argument)
    };
}

macro_rules! refresh {
    ($caller:ident, $handle:ident, [$($await:tt)*]) => {
        $handle.refresh(&$caller.0)$($await)*.answer()
    };
}

macro_rules! all {
    ($caller:ident, $name:ident) => {{
        let _ = &$caller;
        $name::all()
    }};
}

macro_rules! writes {
    ($caller:ident, $write:ident, $id:ident) => {
        panic!(
            "a function declares no {:?} of {}: {:p}",
            $write, $id, $caller.0
        )
    };
}
methods!(dispatch [Caller:]);
