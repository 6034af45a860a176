//! Who is compared.

mod ours;
mod peer;
mod raw;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use redis_func_cache::{Cache, Policy, Touch};

use crate::load::{BlockingContender, Calls, Contender, Load, Scenario};
use crate::support::Server;

pub use ours::{BlockingOurs, CachedSource, Functions, Ours, Source};
pub use raw::{BlockingPlain, Plain, connect};

use peer::Peer;
use raw::Hash;

pub const NAMES: [&str; 8] = [
    "get", "hget", "cached", "lru_t", "fifo", "lfu", "exact", "memory",
];

/// How the titles of this crate's contenders begin.
pub const CRATE: &str = "redis-func-cache";

/// The name under which results, tables and plots show a contender.
pub fn title(name: &str) -> &'static str {
    match name {
        "get" => "raw GET",
        "hget" => "raw HGET",
        "cached" => "cached 4.1",
        "lru_t" => "redis-func-cache, lru_t",
        "fifo" => "redis-func-cache, fifo",
        "lfu" => "redis-func-cache, lfu",
        "exact" => "redis-func-cache, touch = exact",
        "memory" => "redis-func-cache, memory store",
        _ => unreachable!("{name} is not in NAMES"),
    }
}

type Running = Pin<Box<dyn Future<Output = Calls>>>;

/// A contender behind a closure, connected.
pub struct Entrant {
    pub name: &'static str,
    /// How its keys on the server begin.
    pub prefix: String,
    /// How often the method has run.
    pub runs: Arc<AtomicU64>,
    run: Box<dyn Fn(Load) -> Running>,
}

impl Entrant {
    pub fn new<C: Contender>(
        name: &'static str,
        prefix: &str,
        source: &Source,
        contender: C,
    ) -> Self {
        Self {
            name,
            prefix: prefix.to_owned(),
            runs: source.runs.clone(),
            run: Box::new(move |load| Box::pin(crate::load::run(contender.clone(), load))),
        }
    }

    /// With a thread for each of these.
    pub fn blocking<C: BlockingContender>(
        name: &'static str,
        source: &Source,
        contenders: Vec<C>,
    ) -> Self {
        let contenders = Mutex::new(contenders);
        Self {
            name,
            prefix: String::new(),
            runs: source.runs.clone(),
            run: Box::new(move |load| {
                let calls = crate::load::run_blocking(&mut contenders.lock().unwrap(), &load);
                Box::pin(std::future::ready(calls))
            }),
        }
    }

    pub async fn run(&self, load: Load) -> Calls {
        (self.run)(load).await
    }

    /// Connects a contender and stores what will be asked for.
    pub async fn enter(name: &'static str, scenario: Scenario, server: &Server) -> Self {
        let source = Source::default();
        let ttl = scenario.ttl();
        match name {
            "get" => {
                let connection = connect(&server.url()).await;
                let contender = Plain::new(connection, ttl, &source);
                fill(&contender, scenario).await;
                Self::new(name, "product:", &source, contender)
            }
            "hget" => {
                let connection = connect(&server.url()).await;
                let contender = Hash(Plain::new(connection, ttl, &source));
                fill(&contender, scenario).await;
                Self::new(name, "products", &source, contender)
            }
            "cached" => {
                let contender = Peer::connect(&server.url(), ttl, &source).await;
                fill(&contender, scenario).await;
                Self::new(name, "cached-redis-store:", &source, contender)
            }
            _ => {
                let (policy, touch) = match name {
                    "fifo" => (Policy::Fifo, Touch::default()),
                    "lfu" => (Policy::Lfu, Touch::default()),
                    "exact" => (Policy::LruT, Touch::Exact),
                    _ => (Policy::LruT, Touch::default()),
                };
                let mut builder = Cache::builder(name)
                    .policy(policy)
                    .touch(touch)
                    .maxsize(scenario.maxsize())
                    .max_entry_bytes(2 << 20);
                if let Some(ttl) = ttl {
                    builder = builder.ttl(ttl);
                }
                if name != "memory" {
                    builder = builder.redis(server.url());
                }
                let contender = Ours::of(&source, &builder.build().unwrap());
                fill(&contender, scenario).await;
                Self::new(name, &format!("func-cache:{name}:"), &source, contender)
            }
        }
    }
}

pub async fn fill<C: Contender>(contender: &C, scenario: Scenario) {
    if scenario == Scenario::Large {
        contender.clone().large().await;
    }
    let fill = |part: u64| {
        let mut contender = contender.clone();
        tokio::spawn(async move {
            for key in (part..u64::from(scenario.stored())).step_by(16) {
                contender.call(key).await;
            }
        })
    };
    for part in (0..16).map(fill).collect::<Vec<_>>() {
        part.await.unwrap();
    }
}
