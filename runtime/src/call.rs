//! One call of a cached method, from its arguments to its answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use crate::blocking;
use crate::budget::Budget;
use crate::cache::Cache;
use crate::discard;
use crate::error::{Error, ErrorKind};
use crate::field::{CallKey, KeyWriter};
use crate::flight::{Lead, Place, Told};
use crate::lease::{Asked, Lease};
use crate::method::{Bound, Method};
use crate::scope::{self, Frame, Mode, Scope};
use crate::settings::Stampede;
use crate::shape::{Shape, Value};
use crate::stats::Event;
use crate::store::redis::Blocked;
use crate::store::{Manner, Put, Stored, Unwanted};
use crate::value;

/// A call whose arguments have become a key.
#[derive(Debug)]
pub struct Call<'a> {
    cache: &'a Cache,
    bound: Option<Arc<Bound>>,
    key: Option<CallKey>,
    mode: Mode,
}

/// What is to be done for a call.
enum Answer<T> {
    Found(T),
    Compute(Role),
}

/// What a call that runs its method does for others.
#[derive(Default)]
struct Role {
    /// Other calls of this process wait for it.
    lead: Option<Lead>,
    /// It may store the value.
    lease: Option<Lease>,
}

/// What a look-up came to.
enum Looked<T> {
    Hit(T),
    Miss(Unwanted),
    /// The store is in trouble: it is not asked again for this call.
    Failed,
}

impl<'a> Call<'a> {
    /// Takes a call down; `write` names what tells it from other calls of the method.
    pub fn new(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, cache.mode(), write)
    }

    fn with_mode(
        cache: &'a Cache,
        method: &'static Method,
        mode: Mode,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        let bound = cache.bind(method);
        let wanted = bound.as_ref().filter(|_| mode.read || mode.write);
        let key = wanted.and_then(|bound| match bound.key.call(write) {
            Ok(key) => Some(key),
            Err(_) => {
                tracing::warn!(
                    method = method.site(),
                    "redis-func-cache: the arguments cannot be a key"
                );
                None
            }
        });
        Self {
            cache,
            bound,
            key,
            mode,
        }
    }

    /// A call for its entry alone, whatever mode is on.
    pub fn of_entry(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, Mode::default(), write)
    }

    /// Answers the call: from the cache, or by running the method and storing what it returned.
    pub async fn run<S, R, Fut>(self, _shape: S, method: impl FnOnce() -> Fut) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
        Fut: Future<Output = R>,
    {
        self.count(Event::count);
        let Some((bound, key)) = self.bound.as_deref().zip(self.key) else {
            self.count(Event::bypass);
            self.count(Event::exec);
            return method().await;
        };

        let mut budget = Budget::new(self.cache.limits().deadline);
        let role = match self.answer(bound, key, &mut budget).await {
            Answer::Found(stored) => return S::join(stored),
            Answer::Compute(role) => role,
        };

        self.count(Event::exec);
        let started = Instant::now();
        let scope = Scope::new(self.cache.id(), Frame::Computing(key.field));
        let returned = scope.run(method()).await;
        let cost = started.elapsed();

        // What is not to be stored is handed back at once: `E` need not be `Send`.
        let stored = match S::split(returned) {
            Ok(stored) => stored,
            Err(returned) => {
                role.failed();
                return returned;
            }
        };
        bound.took(cost);
        if role.is_of_use() {
            // Encoded before the wait, so that the value need not be `Sync`.
            let entry = value::encode(self.cache, bound, key, &stored, cost);
            role.land(self.cache, bound, key, entry, &mut budget).await;
        }
        S::join(stored)
    }

    /// A value that is there, or comes from another call; else what to do.
    async fn answer<T: Value>(
        &self,
        bound: &Bound,
        key: CallKey,
        budget: &mut Budget,
    ) -> Answer<T> {
        let (cache, Mode { read, write }) = (self.cache, self.mode);
        let mut role = Role::default();
        if !read {
            let (manner, unwanted) = (Manner::TakesOver, Unwanted::Everything);
            return begin(cache, bound, key, role, manner, unwanted, budget).await;
        }
        let looked = look_up(cache, bound, key, budget).await;
        if let Looked::Hit(stored) = looked {
            return Answer::Found(stored);
        }
        // Who computes this very value would wait for itself.
        if !write || scope::computes(cache.id(), key.field) {
            return Answer::Compute(role);
        }
        if bound.stampede != Stampede::Off {
            let told = match cache.flights().join(key.field, bound.patience()) {
                Place::Leads(lead) => Ok(Told::Lead(lead)),
                Place::Follows(told) => told.await,
            };
            match told {
                Ok(Told::Lead(lead)) => role.lead = Some(lead),
                Ok(Told::Landed(Some(landed))) => {
                    let Some(stored) = value::read_landed(cache, bound, key, &landed) else {
                        return Answer::Compute(role);
                    };
                    self.count(Event::coalesced);
                    return Answer::Found(stored);
                }
                // It is in the store only, being large.
                Ok(Told::Landed(None)) => {}
                Err(_) => return Answer::Compute(role),
            }
        }
        let Looked::Miss(unwanted) = looked else {
            return Answer::Compute(role);
        };
        let manner = match bound.stampede {
            Stampede::Lease | Stampede::Local => Manner::Waits,
            Stampede::Off => Manner::TakesOver,
        };
        begin(cache, bound, key, role, manner, unwanted, budget).await
    }

    /// [`run`](Self::run) for a sync method: the same, on a thread that waits.
    pub fn run_blocking<S, R>(self, shape: S, method: impl FnOnce() -> R) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let _blocked = Blocked::enter();
        blocking::wait(self.run(shape, || async { method() }))
    }

    pub(crate) fn into_parts(self) -> Result<(&'a Cache, Arc<Bound>, CallKey), Error> {
        let Some(bound) = self.bound else {
            return Err(Error::config(
                "the options of the method do not fit the store, so it is not cached",
            ));
        };
        match self.key {
            Some(key) => Ok((self.cache, bound, key)),
            None => Err(Error::new(
                ErrorKind::Key,
                "the arguments cannot be a key: their `Serialize` failed",
            )),
        }
    }

    fn count(&self, event: Event) {
        self.cache.count(self.bound.as_deref(), event, 1);
    }
}

async fn look_up<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    budget: &mut Budget,
) -> Looked<T> {
    cache.count(Some(bound), Event::read, 1);
    let looked = budget
        .spend(|left| cache.store().get(&bound.pair, key.field, left))
        .await;
    let found = match looked {
        Ok(found) => found,
        Err(error) => {
            failed(cache, bound, &error);
            cache.count(Some(bound), Event::miss, 1);
            return Looked::Failed;
        }
    };
    match value::read(cache, bound, key, &found) {
        Some(stored) => {
            cache.count(Some(bound), Event::hit, 1);
            Looked::Hit(stored)
        }
        None => {
            cache.count(Some(bound), Event::miss, 1);
            Looked::Miss(unwanted(found.entry.as_deref()))
        }
    }
}

/// What was found and is of no use is not to be found again.
fn unwanted(entry: Option<&[u8]>) -> Unwanted {
    match entry {
        None => Unwanted::Nothing,
        Some(entry) => match entry.get(8..16).map(<[u8; 8]>::try_from) {
            Some(Ok(instant)) => Unwanted::Created(instant),
            _ => Unwanted::Everything,
        },
    }
}

/// Asks for the right to store what the method will return, as `manner` says.
async fn begin<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    mut role: Role,
    manner: Manner,
    mut unwanted: Unwanted,
    budget: &mut Budget,
) -> Answer<T> {
    loop {
        let lead = role.lead.as_ref();
        let asked = Lease::ask(cache, bound, key.field, manner, unwanted, lead, budget).await;
        match asked {
            Ok(Asked::Granted(lease)) => role.lease = Some(lease),
            Ok(Asked::Found { found, waited }) => {
                let Some(stored) = value::read(cache, bound, key, &found) else {
                    unwanted = Unwanted::Everything;
                    continue;
                };
                for event in [Event::read, Event::hit] {
                    cache.count(Some(bound), event, 1);
                }
                cache.count(Some(bound), Event::coalesced, u64::from(waited));
                return Answer::Found(stored);
            }
            Ok(Asked::Busy) => {}
            Err(error) => failed(cache, bound, &error),
        }
        return Answer::Compute(role);
    }
}

impl Role {
    /// Whether anybody has a use for the value but its caller.
    fn is_of_use(&self) -> bool {
        self.lease.is_some() || self.lead.as_ref().is_some_and(Lead::has_followers)
    }

    /// The method returned nothing that could be stored or shared.
    fn failed(self) {
        if let Some(lead) = self.lead {
            lead.failed();
        }
    }

    /// Stores the value and gives it to those who wait. Who was overtaken gives it to nobody: it
    /// may be older than their calls.
    async fn land(
        mut self,
        cache: &Cache,
        bound: &Bound,
        key: CallKey,
        entry: Result<Put, Error>,
        budget: &mut Budget,
    ) {
        let mut put = match entry {
            Ok(put) => put,
            Err(error) => {
                failed(cache, bound, &error);
                if self.lease.is_some() {
                    let outdated = budget.spend(|left| discard::outdated(cache, bound, key, left));
                    if let Err(error) = outdated.await {
                        failed(cache, bound, &error);
                    }
                }
                return self.failed();
            }
        };
        let has_followers = self.lead.as_ref().is_some_and(Lead::has_followers);
        let landed = value::landed(&put, has_followers);
        let Some(mut lease) = self.lease.take() else {
            if let Some(lead) = &mut self.lead {
                lead.computed(landed);
            }
            return;
        };
        put.token = Some(lease.token());
        let stored = budget
            .spend(|left| cache.store().put(&bound.pair, put, left))
            .await;
        match stored {
            Ok(Stored::Overtaken) => return lease.close(),
            Ok(Stored::Evicting(evicted)) => {
                lease.close();
                cache.count(Some(bound), Event::write, 1);
                cache.count(Some(bound), Event::evicted, evicted);
            }
            Err(error) => failed(cache, bound, &error),
        }
        if let Some(lead) = &mut self.lead {
            lead.computed(landed);
        }
    }
}

fn failed(cache: &Cache, bound: &Bound, error: &Error) {
    cache.count(Some(bound), Event::error, 1);
    tracing::debug!(method = bound.site, kind = %error.kind(), %error, "redis-func-cache: the cache failed, the method runs");
}
