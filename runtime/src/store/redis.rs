//! The store on a Redis server, on a cluster, or behind sentinels.
//!
//! This file is the [`Store`] contract and nothing else. Below it, from top to bottom: `write`, `read` and
//! `health` (what the client does), [`client`] (what they share), what the client holds (leases, lanes,
//! endpoints …), `script` and `connection`. Start with [`client`], then `read`.

mod client;
mod connection;
mod health;
mod pair_state;
mod pipeline;
mod read;
mod script;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use redis::Value;

use self::client::{BATCH, Client, REMOVAL, STEP};
pub(crate) use self::connection::target::Target;
pub(crate) use self::connection::tls::Tls;
use self::health::endpoint::Side;
pub(crate) use self::read::lookup::Lookup;
pub(crate) use self::read::pipeline::query::Query;
use self::script::Script;
pub(crate) use self::script::all as scripts;
use self::script::reply::{array, found};
use self::write::claim::ClaimOutcome;
use self::write::leases;
use super::{
    Clock, EndedTags, EntryOf, ExpectedEntry, KeySpace, LeaseOutcome, LeaseRequest, Listener,
    LookupReply, OfBuilds, Pair, Put, PutDone, Store, StoreHealth, TagEnd, Token,
};
use crate::deadline::Timeout;
use crate::entry::header;
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::settings::{Touch, ms};

/// The store. Its connection is owned by a thread of this crate: see [`background`].
pub(crate) struct Redis {
    client: Arc<Client>,
}

impl Redis {
    /// Of the cache of this name.
    pub(crate) fn new(cache: &str, target: Target, clock: Clock) -> Self {
        Self {
            client: Client::new(cache.into(), Arc::new(target), clock),
        }
    }

    pub(crate) fn in_child(&self) -> Self {
        let parent = &self.client;
        let client = Client::new(
            parent.cache.clone(),
            parent.target.clone(),
            parent.clock.clone(),
        );
        if parent.lanes.is_closed() {
            client.close();
        }
        Self { client }
    }

    /// [`Store::get`] where hits are recorded in the background.
    #[inline]
    pub(crate) fn read<'r>(&'r self, query: Query<'r>) -> Lookup<'r> {
        Lookup::new(&self.client, query)
    }

    /// Has the script `begin` decide, unless the claim has.
    async fn begin(
        &self,
        pair: &Arc<Pair>,
        mut request: LeaseRequest,
        claimed: ClaimOutcome,
        left: Duration,
    ) -> Result<LeaseOutcome, Error> {
        let (field, token, since) = (request.field, request.token, Instant::now());
        let (on_held, is_set) = match claimed {
            ClaimOutcome::Decided(outcome) => {
                return self.indexed(pair, (field, token), outcome, left).await;
            }
            ClaimOutcome::Undecided(on_held) => (on_held, false),
            ClaimOutcome::UndecidedWithLease(on_held) => (on_held, true),
        };
        request.on_held = on_held;
        let its = pair.clone();
        let outcome = self.client.run(None, |client| async move {
            client.acquire_lease_in_time(&its, request, left).await
        });
        // In a box: most claims decide.
        let outcome = Box::pin(outcome).await;
        if is_set && !matches!(outcome, Ok(LeaseOutcome::Granted(_))) {
            self.client.abandon(pair, field, token, 0);
        }
        let left = left.saturating_sub(since.elapsed());
        self.indexed(pair, (field, token), outcome?, left).await
    }

    /// Before a computation of an entry with tags begins, their invalidations find its pair.
    async fn indexed(
        &self,
        pair: &Arc<Pair>,
        (field, token): (Field, Token),
        outcome: LeaseOutcome,
        left: Duration,
    ) -> Result<LeaseOutcome, Error> {
        let LeaseOutcome::Granted(view) = &outcome else {
            return Ok(outcome);
        };
        let epoch = view.origin.epoch;
        self.client.index_pair(pair, epoch);
        if !pair.tags.are_any() || pair.tags.membership.is_current(epoch) {
            return Ok(outcome);
        }
        let its = pair.clone();
        let index = self.client.run(Some(left), |client| async move {
            client.index_tags(&its, epoch).await
        });
        if let Err(error) = self.client.ask(Side::Write, pair, left, index).await {
            self.release_lease(pair, field, token, Duration::ZERO);
            return Err(error);
        }
        Ok(outcome)
    }

    /// Runs a script that looks an entry up.
    async fn lookup(
        &self,
        script: Script,
        pair: &Arc<Pair>,
        (args, tags): (Vec<Vec<u8>>, TagIds),
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let its = pair.clone();
        let lookup = self.client.run(Some(deadline), |client| async move {
            found(client.script(&script, &its.stem, &args).await?, &tags)
        });
        self.client.ask(Side::Read, pair, deadline, lookup).await
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let client = &self.client;
        if let Touch::Behind(_) = pair.touch {
            let wait = Timeout::new(deadline);
            return self.read(Query::new(pair, &wanted, wait)).await;
        }
        if client.is_open(Side::Write, pair) {
            // Where nothing can be written, hits are still hits.
            let wait = Timeout::new(deadline);
            let found = self.read(Query::new(pair, &wanted, wait)).await?;
            let entry = found.entry.as_deref();
            let is_hit = entry.is_some_and(|entry| {
                header::is_of_epoch(entry, found.epoch)
                    && header::is_alive(entry, found.now_us / 1000)
            });
            let unrecorded = u64::from(is_hit);
            client
                .dropped_touches
                .fetch_add(unrecorded, Ordering::Relaxed);
            return Ok(found);
        }
        let script = client.scripts(&pair.policy).get.clone();
        let args = client.get_args(pair, &wanted);
        self.lookup(script, pair, (args, wanted.tags), deadline)
            .await
    }

    async fn get_many(
        &self,
        pair: &Arc<Pair>,
        wanted: &[EntryOf],
        deadline: Duration,
    ) -> Result<Vec<LookupReply>, Error> {
        if let Touch::Behind(_) = pair.touch {
            let wait = Timeout::new(deadline);
            return self.client.read_many(pair, wanted, wait).await;
        }
        let each = wanted
            .iter()
            .map(|one| self.get(pair, one.clone(), deadline));
        join_all(each).await.into_iter().collect()
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let args = self.client.peek_args(pair, &wanted);
        self.lookup(script::PEEK.clone(), pair, (args, wanted.tags), deadline)
            .await
    }

    fn put(&self, pair: &Arc<Pair>, put: Put, done: PutDone) {
        self.client.store(pair, vec![(put, done)]);
    }

    fn put_all(&self, pair: &Arc<Pair>, puts: Vec<(Put, PutDone)>) {
        self.client.store(pair, puts);
    }

    async fn acquire_lease(
        &self,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        self.client.leases.track(request.token, pair, request.field);
        let since = Instant::now();
        let claimed = self.client.claim_one(pair, &request, deadline).await?;
        let left = deadline.saturating_sub(since.elapsed());
        self.begin(pair, request, claimed, left).await
    }

    async fn acquire_leases(
        &self,
        pair: &Arc<Pair>,
        mut requests: Vec<LeaseRequest>,
        deadline: Duration,
    ) -> Vec<Result<LeaseOutcome, Error>> {
        // Before they are sent, so that the drop of a caller meanwhile is noticed.
        for request in &requests {
            self.client.leases.track(request.token, pair, request.field);
        }
        let since = Instant::now();
        let mut outcomes = Vec::with_capacity(requests.len());
        let can_claim = |request: &LeaseRequest| request.seen.is_some() && pair.is_registered();
        if requests.len() > 1 && !can_claim(&requests[0]) {
            // The first one registers this build. The others can be claimed together then.
            let first = requests.remove(0);
            let undecided = ClaimOutcome::Undecided(first.on_held);
            let outcome = self.begin(pair, first, undecided, deadline).await;
            if let Ok(LeaseOutcome::Granted(view)) = &outcome {
                for other in &mut requests {
                    other.seen = Some(*view);
                    // What the lookups found of tags is older than that.
                    other.seen_tags = None;
                }
            }
            outcomes.push(outcome);
        }
        let left = deadline.saturating_sub(since.elapsed());
        let claimed = self.client.claim(pair, &requests, left).await;
        let left = deadline.saturating_sub(since.elapsed());
        let each = requests.into_iter().zip(claimed);
        let each = each.map(|(request, claimed)| async move {
            self.begin(pair, request, claimed?, left).await
        });
        outcomes.extend(join_all(each).await);
        outcomes
    }

    async fn is_current(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        deadline: Duration,
    ) -> Result<bool, Error> {
        let args = leases::renewal_args(&[(field, token)]);
        let its = pair.clone();
        let renewed = self.client.run(Some(deadline), |client| async move {
            array(client.script(&script::RENEW, &its.stem, &args).await?)
        });
        let renewed = self
            .client
            .ask(Side::Write, pair, deadline, renewed)
            .await?;
        Ok(renewed == [Value::Int(1)])
    }

    fn release_lease(&self, pair: &Arc<Pair>, field: Field, token: Token, pause: Duration) {
        self.client.leases.forget_lease(token);
        self.client.abandon(pair, field, token, ms(pause));
    }

    fn forget_lease(&self, token: Token) {
        self.client.leases.forget_lease(token);
    }

    fn listen(&self, pair: &Arc<Pair>, field: Field) -> Listener {
        let Client {
            lease_events,
            target,
            ..
        } = &*self.client;
        lease_events.listen(target, pair, field)
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        of: OfBuilds,
        deadline: Duration,
    ) -> Result<u64, Error> {
        let mut removed = 0;
        for batch in fields.chunks(BATCH) {
            let (its, batch) = (pair.clone(), batch.to_vec());
            let delete = self.client.run(Some(deadline), |client| async move {
                client.delete(&its, &batch, of).await
            });
            removed += self.client.ask(REMOVAL, pair, deadline, delete).await?;
        }
        Ok(removed)
    }

    fn discard(&self, pair: &Arc<Pair>, field: Field, seen: ExpectedEntry<'_>) {
        self.client.discard(pair, field, seen);
    }

    async fn delete_method(&self, pair: &Arc<Pair>, owns_pair: bool) -> Result<(), Error> {
        let its = pair.clone();
        let delete = self.client.run(Some(STEP), |client| async move {
            client.delete_method(&its, owns_pair).await
        });
        self.client.ask(REMOVAL, pair, STEP, delete).await
    }

    async fn end_tags(&self, keys: &KeySpace, tags: &EndedTags, end: TagEnd) -> Result<u64, Error> {
        self.client.end_tags(keys, tags, end).await
    }

    async fn len(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.client.len(keys).await
    }

    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error> {
        // Twice: a call whose lease the first scan missed may have stored its value under keys that
        // did not exist when that scan began.
        let purged = self.client.purge(keys).await?;
        let purged = purged + self.client.purge(keys).await?;
        self.client.forget_pair_index(keys).await;
        self.client.forget_tag_index(keys).await?;
        Ok(purged)
    }

    async fn ping(&self, at_most: Duration) -> Result<Duration, Error> {
        self.client.ping_all(at_most).await
    }

    fn is_unavailable(&self, pair: &Pair) -> bool {
        self.client.is_unavailable(pair)
    }

    fn health(&self) -> StoreHealth {
        self.client.health()
    }

    fn dropped_touches(&self) -> u64 {
        self.client.dropped_touches.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        self.client.close();
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("connection", &self.client.connection)
            .finish_non_exhaustive()
    }
}
