//! What callers ask for, and one slice of it.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::support::{Random, thread_cpu, zipf};

/// Keys that are asked for again and again, uniformly.
pub const HOT: u32 = 1_000;
/// Keys that are stored at the most.
pub const STORED: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// Uniform over 1,000 keys, all stored.
    Hits,
    /// Zipf (exponent 1) over 10,000 keys, all stored.
    Zipf,
    /// A key that was never asked for, each time; its value is stored. Into a full pair, which evicts at each put.
    Misses,
    /// The same, of entries with a TTL.
    MissesTtl,
    /// Hits, and one miss in a hundred calls.
    Mixed99,
    /// Hits, and one miss in ten calls.
    Mixed,
    /// The same, of entries with a TTL in a full pair.
    MixedTtl,
    /// As many hits as misses.
    Mixed50,
    /// Hits, while one more caller does nothing but read a value of 1 MiB.
    Large,
}

impl Scenario {
    pub const ALL: [Self; 9] = [
        Self::Hits,
        Self::Zipf,
        Self::Misses,
        Self::MissesTtl,
        Self::Mixed99,
        Self::Mixed,
        Self::MixedTtl,
        Self::Mixed50,
        Self::Large,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Zipf => "zipf",
            Self::Misses => "misses",
            Self::MissesTtl => "misses_ttl",
            Self::Mixed99 => "mixed_99",
            Self::Mixed => "mixed",
            Self::MixedTtl => "mixed_ttl",
            Self::Mixed50 => "mixed_50",
            Self::Large => "large",
        }
    }

    /// The bound of our caches.
    pub fn maxsize(self) -> u64 {
        match self {
            Self::Hits | Self::Zipf | Self::Misses | Self::MissesTtl | Self::MixedTtl => {
                u64::from(STORED)
            }
            Self::Mixed99 | Self::Mixed | Self::Mixed50 | Self::Large => 10_000_000,
        }
    }

    /// How many keys are stored before it is measured: those that are asked for, and as many as make a pair full.
    pub fn stored(self) -> u32 {
        match self {
            Self::Mixed99 | Self::Mixed | Self::Mixed50 | Self::Large => HOT,
            _ => STORED,
        }
    }

    /// The life of entries, longer than any run.
    pub fn ttl(self) -> Option<Duration> {
        matches!(self, Self::MissesTtl | Self::MixedTtl).then_some(Duration::from_mins(10))
    }

    /// Whether it is for these: variants are for the contenders that a newcomer would compare, to keep a run short.
    pub fn includes(self, contender: &str, callers: usize) -> bool {
        let few = ["get", "cached", "lru_t"].contains(&contender);
        match self {
            Self::Hits | Self::Zipf | Self::Misses | Self::Mixed => true,
            Self::MissesTtl => few && callers != 16,
            Self::Mixed99 | Self::MixedTtl | Self::Mixed50 => few && callers >= 64,
            // 16 are enough to keep one connection busy with small values. The memory store never waits, so the one
            // more caller would not get a turn.
            Self::Large => callers == 16 && contender != "memory",
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
        self.misses_one_in().is_none()
    }

    /// One call of so many is a miss.
    fn misses_one_in(self) -> Option<usize> {
        match self {
            Self::Hits | Self::Zipf | Self::Large => None,
            Self::Misses | Self::MissesTtl => Some(1),
            Self::Mixed50 => Some(2),
            Self::Mixed | Self::MixedTtl => Some(10),
            Self::Mixed99 => Some(100),
        }
    }
}

/// A way to read a value, or to make and store it where there is none. Each caller has a clone.
pub trait Contender: Clone + Send + 'static {
    fn call(&mut self, key: u64) -> impl Future<Output = ()> + Send;

    /// [`call`](Self::call) for the one large value.
    fn large(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// The same for threads. Each has one of its own.
pub trait BlockingContender: Send + 'static {
    fn call(&mut self, key: u64);
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
    /// Of threads that have ended.
    pub ended_cpu: Duration,
}

pub async fn run<C: Contender>(contender: C, load: Load) -> Calls {
    let start = Instant::now();
    let end = start + load.length;
    let callers: Vec<_> = (0..load.callers)
        .map(|number| tokio::spawn(call(contender.clone(), Caller::new(&load, number, start))))
        .collect();
    let large = load.scenario == Scenario::Large;
    let large = large.then(|| tokio::spawn(read_large(contender.clone(), end)));
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
        ended_cpu: Duration::ZERO,
    }
}

/// Runs the load with a thread for each contender.
pub fn run_blocking<C: BlockingContender>(contenders: &mut [C], load: &Load) -> Calls {
    let start = Instant::now();
    let threads: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = contenders
            .iter_mut()
            .enumerate()
            .map(|(number, contender)| {
                let mut caller = Caller::new(load, number, start);
                scope.spawn(move || {
                    while let Some(key) = caller.next_key() {
                        contender.call(key);
                        caller.done();
                    }
                    (caller.latencies_ns, thread_cpu())
                })
            })
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.collect()
    });
    let elapsed = start.elapsed();
    let (latencies, cpu): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
    Calls {
        latencies_ns: latencies.concat(),
        large: 0,
        elapsed,
        ended_cpu: cpu.iter().sum(),
    }
}

async fn call<C: Contender>(mut contender: C, mut caller: Caller) -> Vec<u32> {
    while let Some(key) = caller.next_key() {
        contender.call(key).await;
        caller.done();
    }
    caller.latencies_ns
}

/// Asks for one key after the other until the time is over, and knows how long each took.
struct Caller {
    walk: Arc<[u32]>,
    place: usize,
    /// Its first key that was never asked for.
    first_new: u64,
    misses_one_in: Option<usize>,
    number: usize,
    before: Instant,
    end: Instant,
    latencies_ns: Vec<u32>,
}

impl Caller {
    fn new(load: &Load, number: usize, start: Instant) -> Self {
        Self {
            walk: load.walk.clone(),
            place: number * 7919,
            first_new: (load.slice << 36) | ((number as u64) << 26) | (1 << 62),
            misses_one_in: load.scenario.misses_one_in(),
            number,
            before: start,
            end: start + load.length,
            latencies_ns: Vec::with_capacity(1 << 12),
        }
    }

    fn next_key(&mut self) -> Option<u64> {
        if self.before >= self.end {
            return None;
        }
        let call = self.latencies_ns.len();
        // Not all callers at the same time.
        let is_miss = |one_in| (call + self.number).is_multiple_of(one_in);
        let key = if self.misses_one_in.is_some_and(is_miss) {
            self.first_new + call as u64
        } else {
            u64::from(self.walk[self.place % self.walk.len()])
        };
        self.place += 1;
        Some(key)
    }

    fn done(&mut self) {
        let after = Instant::now();
        let took = u32::try_from((after - self.before).as_nanos());
        self.latencies_ns.push(took.unwrap_or(u32::MAX));
        self.before = after;
    }
}

async fn read_large<C: Contender>(mut contender: C, end: Instant) -> u32 {
    let mut reads = 0;
    while Instant::now() < end {
        contender.large().await;
        reads += 1;
    }
    reads
}
