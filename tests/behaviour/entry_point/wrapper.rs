//! `value.cached(&cache)`: a wrapper with the same methods.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, CacheExt as _, Error, cache_impl};

use super::methods::{block, methods};
use super::source::{Argument, Number, Returned, Row, Unwritable};
use super::subject::{CachedMethods, Reply, Request, Subject, dispatch, on_entry};
use super::{Answer, Failure, Method, Source, Write};

pub(super) fn subject(cache: &Cache, source: &Arc<Source>) -> Subject {
    let repo = Repo {
        source: source.clone(),
    };
    Subject::new(cache, source, repo.cached(cache))
}

struct Repo {
    source: Arc<Source>,
}

methods!(block [#[cache_impl] impl Repo;]);

macro_rules! call {
    ($repo:ident, $name:ident($argument:expr)) => {
        $repo.$name($argument)
    };
}

macro_rules! entry {
    ($repo:ident, $name:ident($argument:expr)) => {
        $repo.entry().$name($argument)
    };
}

macro_rules! refresh {
    ($repo:ident, $handle:ident, [$($await:tt)*]) => {
        $handle.refresh()$($await)*.answer()
    };
}

macro_rules! all {
    ($repo:ident, $name:ident) => {
        $repo.all().$name()
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
methods!(dispatch [CachedRepo:]);
