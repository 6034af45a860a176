//! What all calls of one cache share: the store, bound methods, executions under way, counters.
//!
//! Imports `method`, `store` and the wings below them.
//! Start with [`single_flight`]: calls that share one execution.

#[cfg(feature = "test-util")]
pub(crate) mod call_log;
pub(crate) mod detached;
mod functions;
pub(crate) mod invalidation_queue;
pub(crate) mod limits;
pub(crate) mod lost_invalidation;
mod named_methods;
mod overrides;
pub(crate) mod pending;
pub(crate) mod refreshes;
pub(crate) mod scope;
pub(crate) mod single_flight;
pub(crate) mod transaction;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use self::functions::Functions;
use self::invalidation_queue::InvalidationQueue;
use self::limits::Limits;
use self::named_methods::NamedMethods;
use self::overrides::Overrides;
use self::refreshes::Refreshes;
use self::scope::Mode;
use self::single_flight::Flights;
use crate::error::{Error, ErrorKind};
use crate::method::Method;
use crate::method::bound::{BoundMethod, BoundRef};
use crate::method::descriptor::Declaration;
use crate::method::function::{Function, FunctionOptions};
use crate::method::options::Defaults;
use crate::policy::Policy;
use crate::rt::fork::PerProcess;
use crate::stats::outcome::Outcome;
use crate::stats::{Counters, Event, Stats};
use crate::store::maxsize::MaxSizes;
use crate::store::{AnyStore, KeySpace, Store, StoreKind};

/// Of so many hits that a thread counts, one is measured.
const HITS_PER_SAMPLE: u64 = 64;

/// What the handles of one cache share; cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
    defaults: Defaults,
    limits: Limits,
    kind: StoreKind,
    overrides: Overrides,
    state: PerProcess<State>,
}

/// What the threads of one process share.
struct State {
    /// Methods know by it whether they are bound to this state.
    id: u64,
    store: AnyStore,
    flights: Arc<Flights>,
    refreshes: Arc<Refreshes>,
    invalidations: InvalidationQueue,
    methods: RwLock<HashMap<usize, Result<Arc<BoundMethod>, Error>>>,
    functions: Functions,
    named_methods: NamedMethods,
    maxsizes: MaxSizes,
    /// Counts what happens to methods that could not be bound.
    unbound: Counters,
}

impl State {
    fn new(store: AnyStore, functions: Functions) -> Self {
        Self {
            id: next_id(),
            store,
            flights: Flights::new(),
            refreshes: Arc::default(),
            invalidations: InvalidationQueue::default(),
            methods: RwLock::default(),
            functions,
            named_methods: NamedMethods::default(),
            maxsizes: MaxSizes::default(),
            unbound: Counters::default(),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name())
            .field("store", self.any_store())
            .finish_non_exhaustive()
    }
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

impl Engine {
    pub(crate) fn new(
        name: String,
        defaults: Defaults,
        limits: Limits,
        store: AnyStore,
        kind: StoreKind,
    ) -> Self {
        Self(Arc::new(Inner {
            id: next_id(),
            name,
            defaults,
            limits,
            kind,
            overrides: Overrides::default(),
            state: PerProcess::new(State::new(store, Functions::default())),
        }))
    }

    /// The state of this process. After a fork, the parent's state has no threads any more, so a child makes its own.
    #[inline]
    fn state(&self) -> &State {
        let state = &self.0.state;
        state
            .get(|of_parent| State::new(of_parent.store.in_child(), of_parent.functions.in_child()))
    }

    /// Tells this cache from every other in this process.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn store_kind(&self) -> StoreKind {
        self.0.kind
    }

    #[inline]
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    #[inline]
    pub(crate) fn any_store(&self) -> &AnyStore {
        &self.state().store
    }

    #[inline]
    pub(crate) fn store(&self) -> &dyn Store {
        &**self.any_store()
    }

    pub(crate) fn flights(&self) -> &Arc<Flights> {
        &self.state().flights
    }

    pub(crate) fn refreshes(&self) -> &Arc<Refreshes> {
        &self.state().refreshes
    }

    /// Declared invalidations that could not be sent.
    #[inline]
    pub(crate) fn invalidations(&self) -> &InvalidationQueue {
        &self.state().invalidations
    }

    #[inline]
    pub(crate) fn mode(&self) -> Mode {
        if self.0.overrides.is_disabled() {
            return Mode::OFF;
        }
        scope::mode(self.0.id)
    }

    /// Counts an event for the method, the cache, and the scopes that are open here.
    #[inline]
    pub(crate) fn count(&self, bound: Option<&BoundMethod>, event: Event, n: u64) {
        match bound {
            Some(bound) => {
                bound.counters.add(event, n);
                bound.metrics.count(event, n);
            }
            None => {
                self.state().unbound.add(event, n);
            }
        }
        scope::count(self.0.id, event, n);
    }

    /// Stamps of tags that a pair has forgotten.
    pub(crate) fn count_forgotten_tags(&self, n: u64) {
        if n > 0 {
            self.count(None, Event::forgotten_tags, n);
        }
    }

    /// Counts a failure of the cache.
    pub(crate) fn count_error(&self, bound: &BoundMethod, kind: ErrorKind) {
        self.count(Some(bound), Event::error, 1);
        bound.metrics.count_error(kind);
    }

    /// Counts a hit that has saved an execution of this cost. Returns whether to measure how long it took: one in some.
    #[inline]
    pub(crate) fn count_hit(&self, bound: &BoundMethod, cost_us: u32) -> bool {
        let before = bound.counters.add(Event::hit, 1);
        bound.counters.add(Event::saved_us, cost_us.into());
        bound.metrics.count(Event::saved_us, cost_us.into());
        scope::count_hit(self.0.id, cost_us);
        before.is_multiple_of(HITS_PER_SAMPLE)
    }

    /// Counts what has become of a call, unless that is counted where it happens.
    #[inline]
    pub(crate) fn count_outcome(&self, bound: Option<&BoundMethod>, outcome: Outcome) {
        if let Some(event) = outcome.event() {
            self.count(bound, event, 1);
        }
        let Some(bound) = bound else { return };
        bound.metrics.count_outcome(outcome);
        #[cfg(feature = "test-util")]
        if let Some(log) = &self.limits().call_log {
            log.record(&bound.site, outcome);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut total = self.state().unbound.snapshot();
        total.error += self.store().dropped_touches();
        for bound in self.methods() {
            total += bound.counters.snapshot();
        }
        total
    }

    /// The methods that have been called, and the functions that have been built.
    pub(crate) fn methods(&self) -> Vec<Arc<BoundMethod>> {
        let State {
            methods, functions, ..
        } = self.state();
        let methods = methods.read().unwrap_or_else(PoisonError::into_inner);
        let mut bound: Vec<_> = methods.values().flatten().cloned().collect();
        drop(methods);
        bound.extend(functions.bound());
        bound
    }

    /// The keys that entries of this cache may have.
    pub(crate) fn key_space(&self) -> KeySpace {
        let mut policies = Policy::BUILT_IN.to_vec();
        let own = [self.0.defaults.policy.clone()];
        let methods = self.methods();
        let of_methods = methods.iter().map(|bound| bound.pair.policy.clone());
        for policy in own.into_iter().chain(of_methods) {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        KeySpace {
            names: self.0.defaults.names.clone(),
            policies,
            stems: methods
                .iter()
                .map(|bound| bound.pair.stem.clone())
                .collect(),
        }
    }

    /// The method with every option decided.
    ///
    /// # Errors
    /// Its options contradict each other or the store, which is logged once.
    #[inline]
    pub(crate) fn bind(&self, method: &'static Method) -> Result<BoundRef<'static>, Error> {
        if let Some(bound) = method.bound_to(self.state().id) {
            return Ok(BoundRef::Borrowed(bound));
        }
        self.bind_in_registry(method).map(BoundRef::Shared)
    }

    fn bind_in_registry(&self, method: &'static Method) -> Result<Arc<BoundMethod>, Error> {
        let address = std::ptr::from_ref(method).addr();
        let methods = &self.state().methods;
        let known = methods.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = known.get(&address) {
            return bound.as_ref().map(Arc::clone).map_err(Error::again);
        }
        drop(known);
        let mut methods = methods.write().unwrap_or_else(PoisonError::into_inner);
        let bound = methods
            .entry(address)
            .or_insert_with(|| self.bind_or_log(method));
        if let Ok(bound) = bound {
            method.remember(self.state().id, bound);
        }
        bound.as_ref().map(Arc::clone).map_err(Error::again)
    }

    /// The function of this name, made and bound unless it is known.
    ///
    /// # Errors
    /// The name has other options already, there are too many names, or the options do not fit the cache.
    pub(crate) fn function(
        &self,
        name: String,
        options: FunctionOptions,
    ) -> Result<Arc<Function>, Error> {
        let bind = |function: &Function| self.bind_new(function.declaration());
        self.state().functions.intern(name, options, bind)
    }

    /// The function with every option decided.
    ///
    /// # Errors
    /// None in the process that has built it.
    #[inline]
    pub(crate) fn bind_function<'f>(
        &self,
        function: &'f Arc<Function>,
    ) -> Result<BoundRef<'f>, Error> {
        let bound = function.bound_or(|| self.bind_in_child(function));
        bound.map(BoundRef::Borrowed)
    }

    /// What the parent has bound is bound once more after a fork.
    #[cold]
    fn bind_in_child(&self, function: &Arc<Function>) -> Result<Arc<BoundMethod>, Error> {
        self.state().functions.adopt(function);
        self.bind_new(function.declaration())
    }

    fn bind_or_log(&self, method: &Method) -> Result<Arc<BoundMethod>, Error> {
        self.bind_new(method.declaration()).inspect_err(|error| {
            tracing::error!(method = method.site(), %error, "redis-func-cache: the method is not cached");
        })
    }

    fn bind_new(&self, declaration: Declaration<'_>) -> Result<Arc<BoundMethod>, Error> {
        self.state().named_methods.claim(&declaration)?;
        let bound = BoundMethod::new(
            self.name(),
            declaration,
            &self.0.defaults,
            &self.state().maxsizes,
        )?;
        if self.0.kind == StoreKind::Memory {
            bound.pair.policy.in_memory()?;
        }
        self.apply_overrides(&bound);
        Ok(Arc::new(bound))
    }
}
