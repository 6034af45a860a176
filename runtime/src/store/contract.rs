//! The store contract: the operations on pairs, and what they are given and answer. It knows no Redis.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::entry::header::{Epoch, Origin, UnstampedEntry};
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::names::Names;
use crate::key::tags::TagIds;
use crate::policy::Policy;

use super::availability::StoreHealth;
use super::clock::ServerTime;
use super::listener::Listener;
use super::pair::{EntryOf, Pair};
use super::raw_entry::RawEntry;
use super::tag_clock::{EndedTags, TagEnd, TagView};
use super::token::Token;

/// What a look-up found, with the server's clock at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LookupReply {
    pub(crate) now_us: u64,
    /// Of the method. `None` if it has none: then it has no entries either.
    pub(crate) epoch: Option<Epoch>,
    /// It may have expired, or be of another epoch.
    pub(crate) entry: Option<RawEntry>,
    /// What the entry's tags say of it, if it was asked for with any. In a box, for most have none.
    pub(crate) tags: Option<Box<TagView>>,
    /// How long the pair still lives; `None` if it never expires. Only a peek sets it.
    pub(crate) pair_ms: Option<u64>,
}

impl LookupReply {
    #[inline]
    pub(crate) fn new(now_us: u64, epoch: Option<Epoch>, entry: Option<RawEntry>) -> Self {
        Self {
            now_us,
            epoch,
            entry,
            tags: None,
            pair_ms: None,
        }
    }

    pub(crate) fn with_tags(self, tags: Option<TagView>) -> Self {
        let tags = tags.map(Box::new);
        Self { tags, ..self }
    }

    /// What a computation that begins now has to know; `took` is how long the lookup did.
    pub(crate) fn view(&self, took: Duration) -> Option<StoreView> {
        let at = ServerTime::of_lookup(self.now_us, took);
        let began = self.tags.as_ref().map_or(0, |tags| tags.now);
        self.epoch.map(|epoch| StoreView {
            at,
            origin: Origin { epoch, began },
        })
    }
}

/// Whose entries of a call are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfBuilds {
    All,
    /// Not of the build that the fields are of.
    Others,
}

/// What a call knows of the store when its computation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreView {
    pub(crate) at: ServerTime,
    pub(crate) origin: Origin,
}

/// An entry on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) field: Field,
    pub(crate) entry: UnstampedEntry,
    /// After this a refresh is due; 0 for never.
    pub(crate) soft_ms: u64,
    /// Life of the entry; 0 for as long as the pair lives.
    pub(crate) hard_ms: u64,
    /// Whose computation it comes from. `None` for a probe, which stores in any case.
    pub(crate) token: Option<Token>,
    /// From when the computation began.
    pub(crate) origin: Origin,
    /// If one of them has been invalidated since, the entry is not stored.
    pub(crate) tags: TagIds,
    /// The server's clock, which the entry is stamped with. `None` if it is not known: then the store stamps it.
    pub(crate) now: Option<ServerTime>,
}

impl Put {
    /// It has waited: its life began earlier.
    pub(crate) fn age(&mut self, by_ms: u64) {
        for life_ms in [&mut self.soft_ms, &mut self.hard_ms] {
            if *life_ms > 0 {
                *life_ms = life_ms.saturating_sub(by_ms).max(1);
            }
        }
    }
}

/// What a put came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// Stored; so many entries were evicted.
    Stored(u64),
    /// Not stored: since the computation began, the field or a tag was invalidated, or another began.
    Fenced,
}

/// Is given what a put came to, once. If it is dropped before, that is an error.
pub(crate) struct PutDone(Option<Box<PutCallback>>);

type PutCallback = dyn FnOnce(Result<PutOutcome, Error>) + Send;

impl PutDone {
    pub(crate) fn new(done: impl FnOnce(Result<PutOutcome, Error>) + Send + 'static) -> Self {
        Self(Some(Box::new(done)))
    }

    pub(crate) fn finish(mut self, outcome: Result<PutOutcome, Error>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for PutDone {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(Error::unavailable("the put was cancelled")));
        }
    }
}

impl fmt::Debug for PutDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutDone").finish_non_exhaustive()
    }
}

/// A computation that is about to begin.
#[derive(Debug, Clone)]
pub(crate) struct LeaseRequest {
    pub(crate) field: Field,
    /// Those of the arguments.
    pub(crate) tags: TagIds,
    pub(crate) token: Token,
    pub(crate) on_held: OnHeldLease,
    pub(crate) accept: AcceptEntry,
    /// What its call has for all its requests together: an answer that takes half of that is slow.
    pub(crate) deadline: Duration,
    /// What the look-up found, if there was one.
    pub(crate) seen: Option<StoreView>,
    /// What it found of the tags.
    pub(crate) seen_tags: Option<Box<TagView>>,
}

/// What a computation does while another one holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnHeldLease {
    Preempt,
    /// The same; and others do not wait for this one, but overtake it.
    PreemptAndYield,
    Wait,
    /// For refreshes: a backoff after one that failed counts as held, too.
    GiveUp,
}

/// Which stored entry would do, so that no computation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptEntry {
    /// Any live one.
    Any,
    /// Any but the one whose header has these bytes as its instant of creation.
    NotCreatedAt([u8; 8]),
    Never,
}

impl AcceptEntry {
    /// Whether these bytes will do, if they are alive.
    pub(crate) fn accepts(self, entry: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::NotCreatedAt(instant) => entry.get(8..16) != Some(&instant[..]),
            Self::Never => false,
        }
    }
}

#[derive(Debug)]
pub(crate) enum LeaseOutcome {
    /// There is an entry by now.
    Hit(LookupReply),
    /// The token is the one that may store.
    Granted(StoreView),
    /// Another computation holds the lease, for the time `left` unless it is renewed.
    Held { left: Duration, holder: Token },
}

/// What an unreadable entry must still look like to be removed.
#[derive(Clone, Copy)]
pub(crate) enum ExpectedEntry<'a> {
    Bytes(&'a [u8]),
    /// For an entry that is too large to compare.
    Length(usize),
}

impl fmt::Debug for ExpectedEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Length(length) => write!(f, "Length({length})"),
        }
    }
}

/// The operations on pairs. Every one ends within its deadline, with an error if it must.
#[async_trait]
pub(crate) trait Store: Send + Sync + fmt::Debug {
    /// Looks an entry up and records the hit with the policy, by the pair's `touch`.
    async fn get(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error>;

    /// Looks many entries of a pair up, as [`get`](Self::get) does, in as few requests as there can be.
    async fn get_many(
        &self,
        pair: &Arc<Pair>,
        wanted: &[EntryOf],
        deadline: Duration,
    ) -> Result<Vec<LookupReply>, Error> {
        let each = wanted
            .iter()
            .map(|one| self.get(pair, one.clone(), deadline));
        join_all(each).await.into_iter().collect()
    }

    /// Whether no operation ever waits.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Looks an entry up and changes nothing.
    async fn peek(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error>;

    /// Stores an entry, evicting what the policy says, unless its computation was overtaken. Ends
    /// the lease of the field. It goes on whether a caller waits for it or not.
    fn put(&self, pair: &Arc<Pair>, put: Put, done: PutDone);

    /// Stores many entries, as [`put`](Self::put) does, in as few requests as there can be.
    fn put_all(&self, pair: &Arc<Pair>, puts: Vec<(Put, PutDone)>) {
        for (put, done) in puts {
            self.put(pair, put, done);
        }
    }

    /// Begins a computation: those that began before may no longer store. A hit is recorded with
    /// the policy.
    async fn acquire_lease(
        &self,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error>;

    /// Begins many computations of a pair, in as few requests as there can be.
    async fn acquire_leases(
        &self,
        pair: &Arc<Pair>,
        requests: Vec<LeaseRequest>,
        deadline: Duration,
    ) -> Vec<Result<LeaseOutcome, Error>> {
        let each = requests.into_iter();
        join_all(each.map(|request| self.acquire_lease(pair, request, deadline))).await
    }

    /// Whether the token is still the one that may store.
    async fn is_current(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        deadline: Duration,
    ) -> Result<bool, Error>;

    /// Ends a computation that has nothing to store, in the background: others may begin. During the
    /// `backoff` no process refreshes the field.
    fn release_lease(&self, pair: &Arc<Pair>, field: Field, token: Token, backoff: Duration);

    /// The computation has ended: its lease is not to be renewed any more.
    fn forget_lease(&self, token: Token);

    /// Starts to listen for the end of a computation of this field.
    fn listen(&self, pair: &Arc<Pair>, field: Field) -> Listener;

    /// Removes the entries of calls, and ends their computations: they store nothing. Returns how many entries there
    /// were.
    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        of: OfBuilds,
        deadline: Duration,
    ) -> Result<u64, Error>;

    /// Removes an entry that could not be read, in the background, if it is still as expected.
    /// Best effort: while the store is failing or busy, it stays.
    fn discard(&self, pair: &Arc<Pair>, field: Field, seen: ExpectedEntry<'_>);

    /// Begins a new epoch of the pair's method: its entries are absent from now on, and no computation that is under
    /// way stores anything. The entries are removed at once only if the pair holds no others.
    async fn delete_method(&self, pair: &Arc<Pair>, owns_pair: bool) -> Result<(), Error>;

    /// Has the entries of tags count as invalidated, or as stale, in all pairs of a cache. Returns how many stamps of
    /// other tags were forgotten for that: in their pairs, what began before them counts as invalidated.
    async fn end_tags(&self, keys: &KeySpace, tags: &EndedTags, end: TagEnd) -> Result<u64, Error>;

    /// Counts the entries of all pairs of a cache.
    async fn len(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// Removes all pairs of a cache. Returns how many entries they held.
    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// Asks the store for a sign of life, and returns how long it took.
    async fn ping(&self, at_most: Duration) -> Result<Duration, Error>;

    /// Whether the circuit breaker for reads of the pair is open.
    fn is_unavailable(&self, _pair: &Pair) -> bool {
        false
    }

    /// What is known of it without asking.
    fn health(&self) -> StoreHealth;

    /// How many recorded hits could not be sent.
    fn dropped_touches(&self) -> u64 {
        0
    }

    /// Gives connections back.
    async fn close(&self);
}

/// The keys of one cache: its names, and the policies they may have.
#[derive(Debug, Clone)]
pub(crate) struct KeySpace {
    pub(crate) names: Names,
    pub(crate) policies: Vec<Policy>,
    /// The stems of the pairs that this process knows.
    pub(crate) stems: Vec<String>,
}

impl KeySpace {
    /// The stems of pairs that can be named without asking the store.
    pub(crate) fn known_stems(&self) -> BTreeSet<String> {
        let kinds = self
            .policies
            .iter()
            .flat_map(|policy| [false, true].map(|cluster| self.names.stem(policy, None, cluster)));
        kinds.chain(self.stems.iter().cloned()).collect()
    }

    /// Whether a pair of this cache may have this stem.
    pub(crate) fn has_stem(&self, stem: &str) -> bool {
        let key = format!("{stem}:0");
        self.names.stem_of(&key, &self.policies).is_some()
    }
}
