//! What callers ask for, and one slice of it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::support::{Random, zipf};

/// Keys that are asked for again and again, uniformly.
const HOT: u32 = 1_000;
/// Keys that are stored before the hits are measured.
pub const STORED: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Uniform over 1,000 keys, all stored.
    Hits,
    /// Zipf (exponent 1) over 10,000 keys, all stored.
    Zipf,
    /// A new key each time, stored when the method has returned.
    Misses,
    /// Hits, and every tenth call a miss.
    Mixed,
    /// Hits, while one more caller does nothing but read a value of 1 MiB.
    Large,
}

impl Scenario {
    pub const ALL: [Self; 5] = [
        Self::Hits,
        Self::Zipf,
        Self::Misses,
        Self::Mixed,
        Self::Large,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Zipf => "zipf",
            Self::Misses => "misses",
            Self::Mixed => "mixed",
            Self::Large => "large",
        }
    }

    /// The bound of our caches: misses go into one that is full and evicts at each put, mixed calls into one with room.
    pub fn maxsize(self) -> u64 {
        match self {
            Self::Hits | Self::Zipf | Self::Misses => u64::from(STORED),
            Self::Mixed | Self::Large => 10_000_000,
        }
    }

    /// The keys that callers walk over, from different places.
    pub fn walk(self) -> Arc<[u32]> {
        const DRAWS: usize = 1 << 16;
        let mut random = Random(7);
        match self {
            Self::Zipf => zipf(STORED, 1.0, DRAWS, &mut random).into(),
            _ => (0..DRAWS)
                .map(|_| u32::try_from(random.draw() % u64::from(HOT)).unwrap())
                .collect(),
        }
    }

    pub fn all_stored(self) -> bool {
        matches!(self, Self::Hits | Self::Zipf | Self::Large)
    }

    fn is_miss(self, caller: usize, call: usize) -> bool {
        match self {
            Self::Hits | Self::Zipf | Self::Large => false,
            Self::Misses => true,
            Self::Mixed => call % 10 == caller % 10,
        }
    }
}

/// A way to read a value, or to make and store it where there is none. Each caller has a clone.
pub trait Contender: Clone + Send + 'static {
    fn call(&mut self, key: u64) -> impl Future<Output = ()> + Send;

    /// [`call`](Self::call) for the one large value.
    fn large(&mut self) -> impl Future<Output = ()> + Send;
}

#[derive(Debug, Clone)]
pub struct Load {
    pub scenario: Scenario,
    pub callers: usize,
    pub length: Duration,
    pub walk: Arc<[u32]>,
    /// A number that no other slice has: what is new must be new.
    pub slice: u64,
}

/// What the callers of one slice saw.
#[derive(Debug)]
pub struct Calls {
    pub latencies_ns: Vec<u32>,
    /// Reads of the large value.
    pub large: u32,
    pub elapsed: Duration,
}

pub async fn run<C: Contender>(contender: C, load: Load) -> Calls {
    let start = Instant::now();
    let callers: Vec<_> = (0..load.callers)
        .map(|caller| tokio::spawn(call(contender.clone(), load.clone(), caller, start)))
        .collect();
    let large = load.scenario == Scenario::Large;
    let large = large.then(|| tokio::spawn(read_large(contender.clone(), start + load.length)));
    let mut latencies_ns = Vec::new();
    for caller in callers {
        latencies_ns.extend(caller.await.unwrap());
    }
    let elapsed = start.elapsed();
    let large = match large {
        Some(caller) => caller.await.unwrap(),
        None => 0,
    };
    Calls {
        latencies_ns,
        large,
        elapsed,
    }
}

/// Calls one after the other until the time is over, and says how long each took, in nanoseconds.
async fn call<C: Contender>(
    mut contender: C,
    load: Load,
    caller: usize,
    start: Instant,
) -> Vec<u32> {
    let end = start + load.length;
    let first_new = (load.slice << 36) | ((caller as u64) << 26) | (1 << 62);
    let mut place = caller * 7919;
    let mut latencies = Vec::with_capacity(1 << 12);
    let mut before = Instant::now();
    while before < end {
        let key = if load.scenario.is_miss(caller, latencies.len()) {
            first_new + latencies.len() as u64
        } else {
            u64::from(load.walk[place % load.walk.len()])
        };
        place += 1;
        contender.call(key).await;
        let after = Instant::now();
        latencies.push(u32::try_from((after - before).as_nanos()).unwrap_or(u32::MAX));
        before = after;
    }
    latencies
}

async fn read_large<C: Contender>(mut contender: C, end: Instant) -> u32 {
    let mut reads = 0;
    while Instant::now() < end {
        contender.large().await;
        reads += 1;
    }
    reads
}
