//! The client of a Redis store: everything that the store's operations share.
//!
//! Its operations are `impl Client` blocks in `read`, `write` and `health`; what it holds lies below it
//! and does not know it. Start with [`Client`], then [`eval`]: how a script is run.

pub(crate) mod eval;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::connection::manager::ConnectionManager;
use super::connection::pubsub::LeaseEvents;
use super::connection::target::Target;
use super::health::endpoint::{Endpoints, Side};
use super::pair_state::{PairState, PairStates};
use super::read::lanes::Lanes;
use super::read::pipeline::context::{PipelineContext, ReplySink};
use super::read::pipeline::request::Hits;
use super::read::server_pipelines::LaneContext;
use super::script::PolicyScripts;
use super::write::discards::Discards;
use super::write::leases::Leases;
use super::write::pipeline::context::WriteContext;
use super::write::put_slots::PutSlots;
use crate::error::Error;
use crate::rt::background;
use crate::settings::ms;
use crate::store::{Clock, Pair};

/// The timeout of one step of an operation that takes many, such as a page of a scan.
pub(crate) const STEP: Duration = Duration::from_secs(1);
/// A removal needs no memory and no replica, so it is not refused where only puts are.
pub(crate) const REMOVAL: Side = Side::Read;
/// `unpack` in Lua refuses some 8,000 values; the scripts ask for at most this many.
pub(crate) const BATCH: usize = 1000;

pub(crate) struct Client {
    /// Itself, for tasks in the background.
    pub(super) this: Weak<Client>,
    /// The name of the cache.
    pub(super) cache: Arc<str>,
    pub(super) target: Arc<Target>,
    /// The connection of the background thread; lanes have their own.
    pub(super) connection: ConnectionManager,
    /// For values that are large: whatever else is sent does not wait for them.
    pub(super) bulk: ConnectionManager,
    pub(super) lanes: Arc<Lanes>,
    pub(super) endpoints: Endpoints,
    pub(super) clock: Clock,
    /// The scripts of custom policies, by their tags.
    pub(super) custom: Mutex<HashMap<String, Arc<PolicyScripts>>>,
    pub(super) pairs: PairStates,
    pub(super) put_slots: PutSlots,
    pub(super) leases: Leases,
    pub(super) lease_events: LeaseEvents,
    pub(super) discards: Arc<Discards>,
    pub(super) dropped_touches: AtomicU64,
}

impl Client {
    pub(crate) fn new(cache: Arc<str>, target: Arc<Target>, clock: Clock) -> Arc<Self> {
        let endpoints = Endpoints::default();
        let client = Arc::new_cyclic(|this: &Weak<Self>| Self {
            this: this.clone(),
            connection: ConnectionManager::new(target.clone(), None),
            bulk: ConnectionManager::new(target.clone(), None),
            lanes: Lanes::new(LaneContext {
                reads: PipelineContext {
                    target: target.clone(),
                    clock: clock.clone(),
                    endpoint: endpoints.only.clone(),
                    sink: this.clone(),
                },
                writes: WriteContext {
                    target: target.clone(),
                    sink: this.clone(),
                },
            }),
            endpoints,
            cache,
            target,
            clock,
            custom: Mutex::default(),
            pairs: PairStates::default(),
            put_slots: PutSlots::default(),
            leases: Leases::default(),
            lease_events: LeaseEvents::default(),
            discards: Arc::default(),
            dropped_touches: AtomicU64::new(0),
        });
        for side in [Side::Read, Side::Write] {
            client.show_breaker(&client.endpoints.only, side);
        }
        client
    }

    /// Runs an operation on the background thread, whatever runtime or thread the caller is on.
    pub(crate) async fn run<T, F, Fut>(
        self: &Arc<Self>,
        deadline: Option<Duration>,
        operation: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Self>) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let future = operation(self.clone());
        let client = self.clone();
        background::run(async move {
            match deadline {
                Some(deadline) => client.in_time(deadline, future).await,
                None => future.await,
            }
        })
        .await?
    }

    pub(crate) fn close(&self) {
        self.connection.close();
        self.bulk.close();
        self.lanes.close();
        self.lease_events.close();
    }

    /// What this process keeps for a pair.
    pub(crate) fn pair_state<'p>(&self, pair: &'p Pair) -> &'p Arc<PairState> {
        pair.state(|| self.pairs.of(&pair.stem))
    }
}

impl ReplySink for Client {
    fn record_hits(&self, pair: &Arc<Pair>, now_us: u64, hits: Hits<'_>) {
        Self::record_hits(self, pair, now_us, hits);
    }

    fn moved(&self) {
        self.on_moved();
    }
}

/// Gives a step [its time](STEP).
pub(crate) async fn timed<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(STEP, step).await {
        Ok(result) => result,
        Err(_) => Err(Error::unavailable(format!(
            "the store did not answer within {} ms",
            ms(STEP)
        ))),
    }
}

/// A number as an argument of a command.
pub(crate) fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
