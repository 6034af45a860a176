pub(crate) mod builder;
pub(crate) mod entry_handle;
pub(crate) mod invalidation;
mod scopes;
pub(crate) mod wrapper;

use self::builder::{CacheBuilder, Limits};
use crate::call::refresh::Refreshes;
use crate::deadline::Wait;
use crate::engine::scope;
use crate::engine::scope::Mode;
use crate::engine::single_flight::Flights;
use crate::error::Error;
use crate::key::digest::Field;
use crate::method::{Binding, Bound, Defaults, Method, Pair};
use crate::policy::Policy;
use crate::rt::fork::PerProcess;
use crate::settings::Touch;
use crate::stats::{Counters, Event, Stats};
use crate::store::maxsize::MaxSizes;
use crate::store::redis::Look;
use crate::store::{Found, KeySpace, Store, StoreKind};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

/// A handle on a cache: cheap to clone, made for sharing between tasks and threads.
///
/// It may stand in a `static`: connections live on a thread of their own, so one cache serves many
/// runtimes, and threads with none.
///
/// ```
/// use std::time::Duration;
/// use redis_func_cache::{Cache, Policy};
///
/// let cache = Cache::builder("shop")
///     .policy(Policy::LruT)
///     .maxsize(10_000)
///     .ttl(Duration::from_secs(300))
///     .build()?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
    defaults: Defaults,
    limits: Limits,
    kind: StoreKind,
    state: PerProcess<State>,
}

/// What threads share, or wait for each other by.
struct State {
    /// Methods know by it whether they are bound to this state.
    id: u64,
    store: Box<dyn Store>,
    flights: Arc<Flights>,
    refreshes: Arc<Refreshes>,
    methods: RwLock<HashMap<usize, Option<Arc<Bound>>>>,
    maxsizes: MaxSizes,
    /// Counts what happens to methods that could not be bound.
    unbound: Counters,
}

impl State {
    fn new(store: Box<dyn Store>) -> Self {
        Self {
            id: next_id(),
            store,
            flights: Flights::new(),
            refreshes: Arc::default(),
            methods: RwLock::default(),
            maxsizes: MaxSizes::default(),
            unbound: Counters::default(),
        }
    }
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

impl Cache {
    /// Starts a cache with this name, which is part of every key: caches that share a store, a
    /// prefix and a name share their entries.
    pub fn builder(name: impl Into<String>) -> CacheBuilder {
        CacheBuilder::new(name)
    }

    /// A cache on the server that the environment variable `REDIS_URL` names, and in the memory
    /// of this process where it is not set or empty, which is logged at `info`: memory is shared
    /// with no other process. [`store_kind`](Self::store_kind) tells which it is. With settings:
    /// [`CacheBuilder::redis_from_env`].
    ///
    /// # Errors
    /// As [`CacheBuilder::build`].
    pub fn from_env(name: impl Into<String>) -> Result<Self, Error> {
        Self::builder(name).redis_from_env().build()
    }

    pub(crate) fn new(
        name: String,
        defaults: Defaults,
        limits: Limits,
        store: Box<dyn Store>,
        kind: StoreKind,
    ) -> Self {
        Self(Arc::new(Inner {
            id: next_id(),
            name,
            defaults,
            limits,
            kind,
            state: PerProcess::new(State::new(store)),
        }))
    }

    /// The state of this process: that of a parent was left behind by its threads.
    #[inline]
    fn state(&self) -> &State {
        let state = &self.0.state;
        state.get(|of_parent| State::new(of_parent.store.in_child()))
    }

    /// The name that the cache was built with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many entries the cache holds, all methods and all processes together. An entry that
    /// has expired counts until a put sweeps it out.
    ///
    /// On Redis this scans the keys of the database in small steps: its cost grows with them.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn len(&self) -> Result<u64, Error> {
        self.state().store.len(&self.key_space()).await
    }

    /// Whether the cache holds no entry: as [`len`](Self::len).
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len().await? == 0)
    }

    /// Removes every entry of this cache, whichever process stored it, and returns how many there
    /// were. The server is never blocked: it is asked in small steps and frees memory behind.
    ///
    /// Calls that run at the same time may store entries again while this goes on.
    ///
    /// # Errors
    /// The store does not answer; some pairs may be gone already.
    pub async fn purge(&self) -> Result<u64, Error> {
        let purged = self.state().store.purge(&self.key_space()).await;
        self.state().flights.detach_all();
        purged
    }

    /// Which kind of store the entries are kept in.
    ///
    /// ```
    /// use redis_func_cache::{Cache, StoreKind};
    ///
    /// let cache = Cache::builder("shop").build()?;
    /// assert_eq!(cache.store_kind(), StoreKind::Memory);
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn store_kind(&self) -> StoreKind {
        self.0.kind
    }

    /// Sends a `PING` and returns how long the answer took, for a check of readiness or health: a
    /// real round trip, whatever mode is on and whether or not calls have given the store up. Where
    /// there is no connection, it tries to make one.
    ///
    /// Behind sentinels the primary is asked. In a cluster every primary is asked at the same time:
    /// the slowest answer counts, and one that fails is an error. The memory store answers at once,
    /// with [`Duration::ZERO`].
    ///
    /// # Errors
    /// The store has not answered within one second (or [`deadline`](CacheBuilder::deadline), if
    /// that is longer), or has answered with an error; the message names its address. The cache was
    /// closed.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let at_most = self.0.limits.deadline.max(entry_handle::DEADLINE);
        self.state().store.ping(at_most).await
    }

    /// Gives connections back. Calls on its wrappers run their methods from now on.
    pub async fn close(&self) {
        self.state().store.close().await;
    }

    /// What has happened in this process since the cache was built.
    pub fn stats(&self) -> Stats {
        let mut total = self.state().unbound.snapshot();
        total.error += self.state().store.dropped_touches();
        for bound in self.bounds() {
            total += bound.counters.snapshot();
        }
        total
    }

    /// The same for each method that was called, under its path: `shop::UserRepo::find`.
    pub fn method_stats(&self) -> BTreeMap<String, Stats> {
        let mut methods = BTreeMap::<String, Stats>::new();
        for bound in self.bounds() {
            *methods.entry(bound.site.to_owned()).or_default() += bound.counters.snapshot();
        }
        methods
    }

    fn key_space(&self) -> KeySpace {
        let mut policies = Policy::BUILT_IN.to_vec();
        let own = [self.0.defaults.policy.clone()];
        let of_methods = self
            .bounds()
            .into_iter()
            .map(|bound| bound.pair.policy.clone());
        for policy in own.into_iter().chain(of_methods) {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        KeySpace {
            names: self.0.defaults.names.clone(),
            policies,
        }
    }

    fn bounds(&self) -> Vec<Arc<Bound>> {
        let methods = self
            .state()
            .methods
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        methods.values().flatten().cloned().collect()
    }

    #[inline]
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.state().store
    }

    /// [`Store::get`], without a box on the way of most hits.
    #[inline]
    pub(crate) fn get<'g>(&'g self, pair: &'g Arc<Pair>, field: Field, wait: Wait) -> Get<'g> {
        match (self.state().store.reader(), pair.touch) {
            (Some(redis), Touch::Behind(_)) => Get::Redis(redis.read(pair, field, wait)),
            _ => Get::Store(self.state().store.get(pair, field, wait.at_most)),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn flights(&self) -> &Arc<Flights> {
        &self.state().flights
    }

    pub(crate) fn refreshes(&self) -> &Arc<Refreshes> {
        &self.state().refreshes
    }

    #[inline]
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    #[inline]
    pub(crate) fn mode(&self) -> Mode {
        scope::mode(self.0.id)
    }

    /// Counts an event for the method, the cache, and the scopes that are open here.
    #[inline]
    pub(crate) fn count(&self, bound: Option<&Bound>, event: Event, n: u64) {
        bound
            .map_or(&self.state().unbound, |bound| &bound.counters)
            .add(event, n);
        scope::count(self.0.id, event, n);
    }

    /// The method with every option decided, or `None` where options contradict the store.
    #[inline]
    pub(crate) fn bind(&self, method: &'static Method) -> Option<Binding> {
        if let Some(bound) = method.bound_to(self.state().id) {
            return Some(Binding::First(bound));
        }
        let address = std::ptr::from_ref(method).addr();
        let known = self
            .state()
            .methods
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&address)
            .cloned();
        if let Some(bound) = known {
            return bound.map(Binding::Other);
        }
        let mut methods = self
            .state()
            .methods
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let bound = methods
            .entry(address)
            .or_insert_with(|| self.bind_anew(method))
            .clone();
        if let Some(bound) = &bound {
            method.remember(self.state().id, bound);
        }
        bound.map(Binding::Other)
    }

    fn bind_anew(&self, method: &Method) -> Option<Arc<Bound>> {
        let bound =
            Bound::new(method, &self.0.defaults, &self.state().maxsizes).and_then(|bound| {
                if self.0.kind == StoreKind::Memory {
                    bound.pair.policy.in_memory()?;
                }
                Ok(bound)
            });
        match bound {
            Ok(bound) => Some(Arc::new(bound)),
            Err(error) => {
                tracing::error!(method = method.site(), %error, "redis-func-cache: the method is not cached");
                None
            }
        }
    }
}

/// A look-up on its way.
pub(crate) enum Get<'g> {
    Redis(Look<'g>),
    Store(Pin<Box<dyn Future<Output = Result<Found, Error>> + Send + 'g>>),
}

impl Future for Get<'_> {
    type Output = Result<Found, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Redis(look) => Pin::new(look).poll(context),
            Self::Store(get) => get.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.0.name)
            .field("store", &self.state().store)
            .finish_non_exhaustive()
    }
}
