//! `#[cache_impl(cache = …)]` on a block of functions without `self`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, Error, cache_impl};

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

struct Repo;

macro_rules! associated {
    (
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        #[cache_impl(cache = current())]
        impl Repo {
            $(
                #[cache($($option)*)]
                async fn $name(#[cache_skip] source: &Arc<Source>, $id: $ty) -> $returned {
                    source.execute(&$id).await
                }
            )*
            $(
                #[cache($($option_f)*)]
                fn $name_f(
                    #[cache_skip] source: &Arc<Source>,
                    $id_f: $ty_f,
                ) -> impl Future<Output = $returned_f> + Send {
                    source.execute(&$id_f)
                }
            )*
            $(
                #[cache($($option_s)*)]
                fn $name_s(#[cache_skip] source: &Arc<Source>, $id_s: $ty_s) -> $returned_s {
                    source.execute(&$id_s).wait()
                }
            )*

            #[nocache]
            #[invalidates(plain(id))]
            async fn write_one(source: &Source, id: u64) -> Result<(), Failure> {
                source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(..))]
            async fn write_all(source: &Source, id: u64) -> Result<(), Failure> {
                source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            async fn write_both(source: &Source, id: u64) -> Result<(), Failure> {
                source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            fn write_both_blocking(source: &Source, id: u64) -> Result<(), Failure> {
                source.execute_write(id).wait()
            }
        }
    };
}
methods!(associated);

macro_rules! call {
    ($caller:ident, $name:ident($argument:expr)) => {
        Repo::$name(&$caller.0, $argument)
    };
}

macro_rules! entry {
    ($caller:ident, $name:ident($argument:expr)) => {
        CachedRepo::entry().$name($argument)
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
        CachedRepo::all().$name()
    }};
}

macro_rules! writes {
    ($caller:ident, $write:ident, $id:ident) => {
        match $write {
            Write::One => call!($caller, write_one($id)).await,
            Write::All => call!($caller, write_all($id)).await,
            Write::Both => call!($caller, write_both($id)).await,
            Write::BothBlocking => call!($caller, write_both_blocking($id)),
        }
    };
}
methods!(dispatch [Caller:]);
