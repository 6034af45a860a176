//! `#[cache_impl(cache = self.cache)]` on the block of a trait, which no other methods fit into: the implemented ones
//! are cached.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, Error, cache_impl};

use super::methods::{block, methods};
use super::source::{Argument, Number, Returned, Row, Unwritable};
use super::subject::{CachedMethods, Reply, Request, Subject, dispatch, on_entry};
use super::{Answer, Failure, Method, Source, Write};

pub(super) fn subject(cache: &Cache, source: &Arc<Source>) -> Subject {
    let repo = Repo {
        cache: cache.clone(),
        source: source.clone(),
    };
    Subject::new(cache, source, repo)
}

#[derive(Clone)]
struct Repo {
    cache: Cache,
    source: Arc<Source>,
}

macro_rules! declare {
    (
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        trait Methods {
            $(async fn $name(&self, $id: $ty) -> $returned;)*
            $(fn $name_f(&self, $id_f: $ty_f) -> impl Future<Output = $returned_f> + Send;)*
            $(fn $name_s(&self, $id_s: $ty_s) -> $returned_s;)*
            async fn write_one(&self, id: u64) -> Result<(), Failure>;
            async fn write_all(&self, id: u64) -> Result<(), Failure>;
            async fn write_both(&self, id: u64) -> Result<(), Failure>;
            fn write_both_blocking(&self, id: u64) -> Result<(), Failure>;
        }
    };
}
methods!(declare without refreshes);
methods!(block without refreshes [#[cache_impl(cache = self.cache, self_key = ())] impl Methods for Repo;]);

macro_rules! call {
    ($repo:ident, $name:ident($argument:expr)) => {
        $repo.$name($argument)
    };
}

macro_rules! entry {
    ($repo:ident, $name:ident($argument:expr)) => {
        CachedRepo::entry_of(&$repo).$name($argument)
    };
}

macro_rules! refresh {
    ($repo:ident, $handle:ident, [$($await:tt)*]) => {{
        drop($handle);
        no_refresh()
    }};
}

fn no_refresh() -> Answer {
    panic!("the handles of a trait's methods have no `refresh`")
}

macro_rules! all {
    ($repo:ident, $name:ident) => {
        CachedRepo::all_of(&$repo).$name()
    };
}

macro_rules! writes {
    ($repo:ident, $write:ident, $id:ident) => {
        match $write {
            Write::One => call!($repo, write_one($id)).await,
            Write::All => call!($repo, write_all($id)).await,
            Write::Both => call!($repo, write_both($id)).await,
            Write::BothBlocking => call!($repo, write_both_blocking($id)),
        }
    };
}
methods!(dispatch without refreshes [Repo:]);
