//! Where entries live: Redis, or the memory of this process. Both give the same answers.

mod listener;
pub(crate) mod maxsize;
pub(crate) mod memory;
pub(crate) mod redis;
pub(crate) mod sweep;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub(crate) use self::listener::{Listener, Listeners, within};

use crate::entry::header::Unstamped;
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::names::Names;
use crate::method::Pair;
use crate::policy::Policy;

/// What kind of store a cache keeps its entries in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreKind {
    /// The memory of this process: nothing is shared with others.
    Memory,
    /// One Redis server.
    Redis,
    /// A Redis cluster.
    RedisCluster,
    /// The primary that sentinels name.
    RedisSentinel,
}

/// What a look-up found, with the server's clock at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) now_us: u64,
    pub(crate) entry: Option<Entry>,
    /// What the pair has left to live; `None` if it has no end. Only a peek says it.
    pub(crate) pair_ms: Option<u64>,
}

/// The bytes of an entry that was found.
#[derive(Clone)]
pub(crate) enum Entry {
    Own(Bytes),
    InBatch(redis::Slice),
}

impl Deref for Entry {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::InBatch(slice) => slice,
        }
    }
}

// What is stored is not for logs.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes)", self.len())
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Entry {}

impl From<Vec<u8>> for Entry {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes.into())
    }
}

/// An entry on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) field: Field,
    pub(crate) entry: Unstamped,
    /// After this a refresh is due; 0 for never.
    pub(crate) soft_ms: u64,
    /// Life of the entry; 0 for as long as the pair lives.
    pub(crate) hard_ms: u64,
    /// Whose computation it comes from. `None` stores in any case, and overtakes them all.
    pub(crate) token: Option<Token>,
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
pub(crate) enum Stored {
    /// Stored; so many entries were evicted.
    Evicting(u64),
    /// Not stored: since the computation began, the field was invalidated, or another began.
    Overtaken,
}

/// Tells one computation from every other of the same field, in all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token(pub(crate) [u8; 16]);

impl Token {
    /// A token that no other computation has.
    pub(crate) fn new(cache: u64) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut token = [0; 16];
        token[..8].copy_from_slice(&origin(cache).to_le_bytes());
        token[8..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Self(token)
    }

    /// Whether a computation of this cache, in this process, has it.
    pub(crate) fn is_of(self, cache: u64) -> bool {
        self.0[..8] == origin(cache).to_le_bytes()
    }
}

/// A number that no other cache has, not even the same one in a forked process.
fn origin(cache: u64) -> u64 {
    static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    RANDOM.hash_one((cache, std::process::id()))
}

/// A computation that is about to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) field: Field,
    pub(crate) token: Token,
    pub(crate) manner: Manner,
    pub(crate) unwanted: Unwanted,
    /// What its call has for all its requests together: an answer that takes half of that is slow.
    pub(crate) call_has: Duration,
    /// Of the method: to invalidate all of its entries overtakes the computation.
    pub(crate) tag: u64,
}

/// What a computation does about a lease that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    TakesOver,
    Waits,
    /// It waits, also for the end of a pause after a refresh that failed.
    Refreshes,
}

/// Which stored entries a computation is to be begun in spite of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// None: any live one will do.
    Nothing,
    /// The one whose header has these bytes as its instant of creation.
    Created([u8; 8]),
    Everything,
}

#[derive(Debug)]
pub(crate) enum Begun {
    /// There is an entry by now.
    Hit(Found),
    /// The token is the one that may store.
    Leads,
    /// Another computation holds the lease, for so long unless it is renewed.
    Waits { left: Duration, holder: Token },
}

/// What an entry looked like that could not be read.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    Bytes(&'a [u8]),
    /// Of one that is too large to be looked at.
    Length(usize),
}

impl fmt::Debug for Seen<'_> {
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
    /// Looks an entry up and records the hit with the policy, as the pair's `touch` says.
    async fn get(&self, pair: &Arc<Pair>, field: Field, deadline: Duration)
    -> Result<Found, Error>;

    /// The store itself where it is Redis: its plain reads need no box for their future.
    fn reader(&self) -> Option<&redis::Redis> {
        None
    }

    /// Whether no operation ever waits.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Looks an entry up and changes nothing.
    async fn peek(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<Found, Error>;

    /// Stores an entry, evicting what the policy says, unless its computation was overtaken. Ends
    /// the lease of the field.
    async fn put(&self, pair: &Arc<Pair>, put: Put, deadline: Duration) -> Result<Stored, Error>;

    /// Begins a computation: whoever began one before may no longer store. A hit is recorded with
    /// the policy.
    async fn begin(
        &self,
        pair: &Arc<Pair>,
        begin: Begin,
        deadline: Duration,
    ) -> Result<Begun, Error>;

    /// Whether the token is still the one that may store.
    async fn holds(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        deadline: Duration,
    ) -> Result<bool, Error>;

    /// Ends a computation that has nothing to store, behind the caller: others may begin. For a
    /// `pause` nobody is to refresh the field.
    fn abandon(&self, pair: &Arc<Pair>, field: Field, token: Token, pause: Duration);

    /// The computation has ended: its lease is not to be renewed any more.
    fn let_go(&self, token: Token);

    /// Starts to listen for the end of a computation of this field.
    fn listen(&self, pair: &Arc<Pair>, field: Field) -> Listener;

    /// Removes entries, and ends the computations of their fields: they store nothing. Returns how
    /// many entries there were.
    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        deadline: Duration,
    ) -> Result<u64, Error>;

    /// Removes an entry that could not be read, behind the call, if it is still what was seen.
    /// That is not promised: where the store is in trouble, or busy with others, it stays.
    fn discard(&self, pair: &Arc<Pair>, field: Field, seen: Seen<'_>);

    /// Removes the entries with this method tag. No computation of that method that is under way
    /// stores anything. Returns how many entries there were.
    async fn delete_method(&self, pair: &Arc<Pair>, tag: u64) -> Result<u64, Error>;

    /// Removes a pair, with the leases in it. Returns how many entries it held.
    async fn delete_pair(&self, pair: &Arc<Pair>) -> Result<u64, Error>;

    /// Counts the entries of all pairs of a cache.
    async fn len(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// Removes all pairs of a cache. Returns how many entries they held.
    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// Asks the store for a sign of life, and returns how long it took.
    async fn ping(&self, at_most: Duration) -> Result<Duration, Error>;

    /// Whether the store does not answer reads of the pair, and is not asked until it does.
    fn is_away(&self, _pair: &Pair) -> bool {
        false
    }

    /// How many recorded hits could not be sent.
    fn dropped_touches(&self) -> u64 {
        0
    }

    /// Gives connections back.
    async fn close(&self);

    /// A store like this one, for a forked child. It waits for no thread and no lock of the parent's.
    fn in_child(&self) -> Box<dyn Store>;
}

/// The keys of one cache: its names, and the policies they may have.
#[derive(Debug, Clone)]
pub(crate) struct KeySpace {
    pub(crate) names: Names,
    pub(crate) policies: Vec<Policy>,
}

/// The clock of entries: the server's, but for tests that move it by hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(pub(crate) Option<Arc<AtomicU64>>);

impl Clock {
    /// Microseconds to force upon the store; 0 where the store's own clock counts.
    pub(crate) fn forced_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |us| us.load(Ordering::SeqCst))
    }
}
