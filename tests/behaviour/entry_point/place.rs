//! Where a body runs: through an entry point, on a store.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use redis_func_cache::{Cache, CacheBuilder};
use support::{PATIENT, Server, binaries, check_pairs, unique};

use super::{Source, Subject, associated, function, get_with, in_place, in_place_trait, wrapper};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryPoint {
    /// `value.cached(&cache)`, made by `#[cache_impl]`.
    Wrapper,
    /// The methods of a type, cached under their own names by `#[cache_impl(cache = …)]`.
    InPlace,
    /// The same, of a trait.
    InPlaceTrait,
    /// Functions without `self` of a type, cached in place.
    Associated,
    /// Free functions, cached by `#[cache_fn]`.
    Function,
    /// `cache.function("name")`, and a closure at each call.
    GetWith,
}

/// What not every entry point offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// `#[invalidates(..)]`
    DeclaredInvalidations,
    /// `cache_none`
    CacheNone,
    /// `ttl_none`
    TtlNone,
    /// `cache_if`
    CacheIf,
    /// `ttl_fn`
    TtlFn,
    /// `cache_err`
    CacheErr,
    /// `stale`, `early`
    Refreshes,
    /// `refresh` of the handle on an entry.
    Refresh,
}

/// What an entry point does not offer, and why.
const NOT_OFFERED: &[(EntryPoint, &[Need], &str)] = &[
    (
        EntryPoint::InPlaceTrait,
        &[Need::Refreshes, Need::Refresh],
        "a trait's block has no room for a method that could run the body without its caller",
    ),
    (
        EntryPoint::Function,
        &[Need::DeclaredInvalidations],
        "a function that writes has no attribute: it uses handles",
    ),
    (
        EntryPoint::GetWith,
        &[Need::DeclaredInvalidations],
        "there is nothing to declare them on: what writes uses handles",
    ),
    (
        EntryPoint::GetWith,
        &[
            Need::CacheNone,
            Need::TtlNone,
            Need::CacheIf,
            Need::TtlFn,
            Need::CacheErr,
        ],
        "its options know no type: what is not to be stored is an `Err` of `try_get_with`",
    ),
];

impl EntryPoint {
    pub(crate) fn subject(self, cache: &Cache, source: &Arc<Source>) -> Subject {
        match self {
            Self::Wrapper => wrapper::subject(cache, source),
            Self::InPlace => in_place::subject(cache, source),
            Self::InPlaceTrait => in_place_trait::subject(cache, source),
            Self::Associated => associated::subject(cache, source),
            Self::Function => function::subject(cache, source),
            Self::GetWith => get_with::subject(cache, source),
        }
    }

    pub(crate) fn offers(self, need: Need) -> bool {
        self.refusal(need).is_none()
    }

    /// Why it does not offer that, if so.
    fn refusal(self, need: Need) -> Option<&'static str> {
        let mut rows = NOT_OFFERED.iter();
        let row = rows.find(|(at, needs, _)| *at == self && needs.contains(&need));
        row.map(|(.., why)| *why)
    }
}

#[derive(Clone)]
pub(crate) enum Store {
    Memory,
    Redis(Arc<Server>),
}

#[derive(Clone)]
pub(crate) struct Place {
    entry_point: EntryPoint,
    pub(crate) store: Store,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "through {:?} on ", self.entry_point)?;
        match &self.store {
            Store::Memory => write!(f, "memory"),
            Store::Redis(server) => write!(f, "{}", server.binary()),
        }
    }
}

impl Place {
    /// A cache that no other has the name of.
    pub(crate) fn builder(&self) -> CacheBuilder {
        self.named(&unique("entry-point"))
    }

    /// A cache of this name. On a server, two of one name are what two processes have; in memory each is alone.
    pub(crate) fn named(&self, name: &str) -> CacheBuilder {
        let builder = Cache::builder(name).deadline(PATIENT);
        match &self.store {
            Store::Memory => builder.memory(),
            Store::Redis(server) => builder.redis(server.url()),
        }
    }

    /// What two processes have of one cache; in memory there is one process.
    pub(crate) fn of_two_processes(
        &self,
        settings: impl Fn(CacheBuilder) -> CacheBuilder,
    ) -> [Cache; 2] {
        let name = unique("entry-point");
        let build = || settings(self.named(&name)).build().unwrap();
        let cache = build();
        match &self.store {
            Store::Memory => [cache.clone(), cache],
            Store::Redis(_) => [cache, build()],
        }
    }

    pub(crate) fn server(&self) -> Option<&Arc<Server>> {
        match &self.store {
            Store::Memory => None,
            Store::Redis(server) => Some(server),
        }
    }

    pub(crate) fn offers(&self, need: Need) -> bool {
        self.entry_point.offers(need)
    }

    pub(crate) fn subject(&self, cache: &Cache, source: &Arc<Source>) -> Subject {
        self.entry_point.subject(cache, source)
    }
}

/// Runs a body in a runtime, on every store.
pub(crate) fn run<F: Future<Output = ()> + 'static>(
    entry_point: EntryPoint,
    needs: &[Need],
    body: fn(Place) -> F,
) {
    // Boxed, so that the runtime's code is made once for all bodies.
    let body =
        |place: &Place| -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(body(place.clone())) };
    on_every_store(entry_point, needs, &|place| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(body(place));
    });
}

/// Runs a body without a runtime, on every store.
pub(crate) fn run_blocking(entry_point: EntryPoint, needs: &[Need], body: fn(&Place)) {
    on_every_store(entry_point, needs, &body);
}

fn on_every_store(entry_point: EntryPoint, needs: &[Need], body: &dyn Fn(&Place)) {
    for &need in needs {
        if let Some(why) = entry_point.refusal(need) {
            support::skipped(&format!("{entry_point:?} has no {need:?}: {why}"));
            return;
        }
    }
    let on = |store| {
        let place = Place { entry_point, store };
        let _where = Where(place.to_string());
        body(&place);
    };
    if !support::is_further_server() {
        on(Store::Memory);
    }
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        on(Store::Redis(server.clone()));
        check_pairs(&server);
    }
}

/// Says where a body failed.
struct Where(String);

impl Drop for Where {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it failed {}", self.0);
        }
    }
}
