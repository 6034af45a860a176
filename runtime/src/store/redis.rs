//! The store on a Redis server, a cluster, or behind sentinels.

mod connection;
pub(crate) mod health;
pub(crate) mod pair_state;
mod read;
mod script;
pub(crate) mod write;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use self::connection::manager::ConnectionManager;
use self::connection::pubsub::LeaseEvents;
pub(crate) use self::connection::target::Target;
pub(crate) use self::connection::tls::Tls;
use self::connection::{Connection, Reply, ServerNode};
use self::health::endpoint::{Endpoints, Side};
pub(crate) use self::pair_state::PairState;
use self::pair_state::PairStates;
use self::read::lane::Lanes;
pub(crate) use self::read::lookup::Lookup;
pub(crate) use self::script::all as scripts;
use self::script::reply::{array, found, unexpected};
use self::script::{PolicyScripts, Script};
use self::write::discard::Discards;
use self::write::lease::Leases;
use self::write::put::PutSlots;
use self::write::{hits, lease};
use super::{
    Clock, ExpectedEntry, KeySpace, LeaseOutcome, LeaseRequest, Listener, LookupReply, Put,
    PutOutcome, Store, Token,
};
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::background;
use crate::settings::{Touch, ms};
use crate::store::Pair;

/// One step of an operation that takes many, such as a page of a scan.
const STEP: Duration = Duration::from_secs(1);
/// What is removed needs no memory and no replica: it is not held up where only puts are refused.
const REMOVAL: Side = Side::Read;
/// `unpack` in Lua refuses some 8,000 values; the scripts ask for at most this many.
const BATCH: usize = 1000;

/// The store. Its connection is owned by a thread of this crate: see [`background`].
pub(crate) struct Redis {
    client: Arc<Client>,
}

pub(crate) struct Client {
    target: Arc<Target>,
    connection: ConnectionManager,
    lanes: Lanes,
    endpoints: Endpoints,
    clock: Clock,
    custom: Mutex<HashMap<String, Arc<PolicyScripts>>>,
    pairs: PairStates,
    puts: PutSlots,
    leases: Leases,
    wakes: LeaseEvents,
    discards: Arc<Discards>,
    dropped_touches: AtomicU64,
}

impl Redis {
    pub(crate) fn new(target: Target, clock: Clock) -> Self {
        Self::of(Arc::new(target), clock)
    }

    fn of(target: Arc<Target>, clock: Clock) -> Self {
        Self {
            client: Arc::new(Client {
                connection: ConnectionManager::new(target.clone(), None),
                lanes: Lanes::default(),
                endpoints: Endpoints::default(),
                target,
                clock,
                custom: Mutex::default(),
                pairs: PairStates::default(),
                puts: PutSlots::default(),
                leases: Leases::default(),
                wakes: LeaseEvents::default(),
                discards: Arc::default(),
                dropped_touches: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn in_child(&self) -> Self {
        let client = &self.client;
        let child = Self::of(client.target.clone(), client.clock.clone());
        if client.lanes.is_closed() {
            child.client.close();
        }
        child
    }

    /// Runs an operation on the driver, whatever runtime or thread the caller is on.
    async fn run<T, F, Fut>(&self, deadline: Option<Duration>, operation: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Client>) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let future = operation(self.client.clone());
        let client = self.client.clone();
        background::run(async move {
            match deadline {
                Some(deadline) => client.in_time(deadline, future).await,
                None => future.await,
            }
        })
        .await?
    }

    /// Runs a script that looks an entry up.
    async fn look(
        &self,
        script: Script,
        pair: &Arc<Pair>,
        args: Vec<Vec<u8>>,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let pair = pair.clone();
        self.run(Some(deadline), |client| async move {
            found(client.script(&script, &pair.stem, &args).await?)
        })
        .await
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let client = &self.client;
        if let Touch::Behind(_) = pair.touch {
            return self.read(pair, field, Timeout::new(deadline)).await;
        }
        if client.is_open(Side::Write, pair) {
            // Where nothing can be written, hits are hits all the same.
            let found = self.read(pair, field, Timeout::new(deadline)).await?;
            let entry = found.entry.as_deref();
            let is_hit = entry.is_some_and(|entry| hits::is_alive(entry, found.now_us));
            let unrecorded = u64::from(is_hit);
            client
                .dropped_touches
                .fetch_add(unrecorded, Ordering::Relaxed);
            return Ok(found);
        }
        let script = client.scripts(&pair.policy).get.clone();
        let mut args = client.common_args(pair, field);
        args.truncate(4);
        let look = self.look(script, pair, args, deadline);
        client.ask(Side::Read, pair, deadline, look).await
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let mut args = self.client.common_args(pair, field);
        args.truncate(2);
        let look = self.look(script::PEEK.clone(), pair, args, deadline);
        self.client.ask(Side::Read, pair, deadline, look).await
    }

    async fn put(
        &self,
        pair: &Arc<Pair>,
        put: Put,
        deadline: Duration,
    ) -> Result<PutOutcome, Error> {
        let pair = pair.clone();
        self.run(None, |client| async move {
            client.put_in_turn(&pair, put, deadline).await
        })
        .await
    }

    async fn acquire_lease(
        &self,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        // Known before it is on its way, so that a caller who goes away meanwhile is noticed.
        self.client
            .leases
            .expect(request.token, pair, request.field);
        let its = pair.clone();
        let outcome = self.run(None, |client| async move {
            client.acquire_lease_in_time(&its, request, deadline).await
        });
        outcome.await
    }

    async fn is_current(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        deadline: Duration,
    ) -> Result<bool, Error> {
        let args = lease::renewal(&[(field, token)]);
        let its = pair.clone();
        let renewed = self.run(Some(deadline), |client| async move {
            array(client.script(&script::RENEW, &its.stem, &args).await?)
        });
        let renewed = self
            .client
            .ask(Side::Write, pair, deadline, renewed)
            .await?;
        Ok(renewed == [Value::Int(1)])
    }

    fn release_lease(&self, pair: &Arc<Pair>, field: Field, token: Token, pause: Duration) {
        let (client, pair) = (self.client.clone(), pair.clone());
        client.leases.forget_lease(token);
        // Without a driver there was no lease.
        let _ = background::spawn(async move {
            let args = [field.0.to_vec(), token.0.to_vec(), text(ms(pause))];
            // Who waits for a lease that could not be ended waits until its deadline.
            let abandon = timed(client.script(&script::ABANDON, &pair.stem, &args));
            let _ = client.ask(Side::Write, &pair, STEP, abandon).await;
        });
    }

    fn forget_lease(&self, token: Token) {
        self.client.leases.forget_lease(token);
    }

    fn listen(&self, pair: &Arc<Pair>, field: Field) -> Listener {
        self.client.wakes.listen(&self.client.target, pair, field)
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        deadline: Duration,
    ) -> Result<u64, Error> {
        let mut removed = 0;
        for batch in fields.chunks(BATCH) {
            let (its, batch) = (pair.clone(), batch.to_vec());
            let delete = self.run(Some(deadline), |client| async move {
                client.delete(&its.stem, &batch).await
            });
            removed += self.client.ask(REMOVAL, pair, deadline, delete).await?;
        }
        Ok(removed)
    }

    fn discard(&self, pair: &Arc<Pair>, field: Field, seen: ExpectedEntry<'_>) {
        self.client.discard(pair, field, seen);
    }

    async fn delete_method(&self, pair: &Arc<Pair>, tag: u64) -> Result<u64, Error> {
        let pair = pair.clone();
        self.run(None, |client| async move {
            let (mut cursor, mut removed) = (b"0".to_vec(), 0);
            loop {
                let args = [cursor, tag.to_le_bytes().to_vec()];
                let step = timed(client.removal(&script::DELETE_METHOD, &pair.stem, &args));
                let Some(step) = client.ask(REMOVAL, &pair, STEP, step).await? else {
                    // More than what was asked for, but all of that.
                    let purge = timed(client.purge_by_key(&pair.stem));
                    return Ok(removed + client.ask(REMOVAL, &pair, STEP, purge).await?);
                };
                let Ok([Value::BulkString(next), Value::Int(n)]) =
                    <[Value; 2]>::try_from(array(step)?)
                else {
                    return Err(unexpected());
                };
                removed += u64::try_from(n).unwrap_or_default();
                if next == b"0" {
                    return Ok(removed);
                }
                cursor = next;
            }
        })
        .await
    }

    async fn delete_pair(&self, pair: &Arc<Pair>) -> Result<u64, Error> {
        let its = pair.clone();
        let purge = self.run(
            Some(STEP),
            |client| async move { client.purge(&its.stem).await },
        );
        self.client.ask(REMOVAL, pair, STEP, purge).await
    }

    async fn len(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.sum(script::LEN.clone(), keys).await
    }

    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error> {
        // Twice: a computation whose lease the first scan came too late for may have stored its
        // value under keys that were not there when that scan began.
        let purged = self.sum(script::PURGE.clone(), keys).await?;
        Ok(purged + self.sum(script::PURGE.clone(), keys).await?)
    }

    async fn ping(&self, at_most: Duration) -> Result<Duration, Error> {
        self.ping_all(at_most).await
    }

    fn is_unavailable(&self, pair: &Pair) -> bool {
        self.client.is_unavailable(pair)
    }

    fn dropped_touches(&self) -> u64 {
        self.client.dropped_touches.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        self.client.close();
    }
}

impl Client {
    fn close(&self) {
        self.connection.close();
        self.lanes.close();
        self.wakes.close();
    }

    pub(crate) fn shared<'p>(&self, pair: &'p Pair) -> &'p Arc<PairState> {
        pair.state(|| self.pairs.of(&pair.stem))
    }
}

async fn timed<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(STEP, step).await {
        Ok(result) => result,
        Err(_) => Err(Error::unavailable(format!(
            "the store did not answer within {} ms",
            ms(STEP)
        ))),
    }
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("connection", &self.client.connection)
            .finish_non_exhaustive()
    }
}
