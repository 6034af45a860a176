//! Probes: they ask an endpoint whose breaker is open, until it closes. No caller does.
//!
//! A probe is a call like any other, by the same code, on a pair of its own that no call reads. So it is
//! refused whatever a call would be refused: by permissions on commands and keys, by a server without
//! memory or replicas, by the state of the slot. A `PING` passes where all of that is broken. What the
//! probe of the writing side stores is an empty entry, and its pair expires after a second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::endpoint::{AdmittedCall, Endpoint, Side};
use crate::entry::header::{self, ClientHeader, Origin};
use crate::entry::label::Label;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::rt::{background, backoff};
use crate::settings::{DEFAULT_DEADLINE, StructureTtl, Touch};
use crate::store::maxsize::MaxSize;
use crate::store::redis::client::Client;
use crate::store::redis::pair_state::PairState;
use crate::store::{EntryOf, Pair, Put};

const LIFE: Duration = Duration::from_secs(1);
const FIELD: Field = Field([0; 20]);

struct Prober {
    client: Weak<Client>,
    endpoint: Arc<Endpoint>,
    side: Side,
    pair: Arc<Pair>,
    /// A reply that takes longer than a call may spend on half of it counts as none.
    timeout: Duration,
    has_closed: bool,
}

impl Client {
    /// Probes in the background until the breaker of a call closes.
    pub(super) fn start_probe(self: &Arc<Self>, call: &AdmittedCall<'_>, pause: Duration) {
        let prober = Prober {
            client: Arc::downgrade(self),
            endpoint: self.endpoint(call).clone(),
            side: call.side,
            pair: Arc::new(reserved(call.pair)),
            // What a call has left for its put says little.
            timeout: call.deadline.max(DEFAULT_DEADLINE) / 2,
            has_closed: false,
        };
        // A breaker without a probe must not stay open: see `drop`.
        let _ = background::spawn(prober.run(pause));
    }
}

impl Prober {
    async fn run(mut self, mut pause: Duration) {
        let name = loop {
            let client = self.client.upgrade();
            let Some(client) = client.filter(|client| !client.connection.is_closed()) else {
                return;
            };
            let about = backoff::jittered(pause);
            if client.target.is_cluster() && client.connection.is_up() {
                // The redis crate's client is replaced below, which is no news of the node: a probe
                // that took it for news would replace one after another, and they ask all nodes.
                tokio::time::sleep(about).await;
            } else {
                // A new connection is a reason to look at once.
                client.connection.attempted(about).await;
            }
            let result = self.ask(&client).await;
            if matches!(&result, Err(error) if error.fault() == Fault::Garbled) {
                client.connection.reconnect_now();
            }
            let answered = match &result {
                Ok(()) => true,
                Err(error) => matches!(error.fault(), Fault::Answered | Fault::Moved),
            };
            if client.target.is_cluster() {
                client.update_topology();
                if matches!(&result, Err(error) if error.is_unavailable()) {
                    client.connection.reconnect_in_background();
                    client.lanes.reconnect();
                }
            }
            match self.endpoint.breaker(self.side).probed(answered) {
                Some(next) => pause = next,
                None => {
                    self.has_closed = true;
                    client.show_breaker(&self.endpoint, self.side);
                    client.name_nodes().await;
                    break client.name_of(&self.endpoint);
                }
            }
        };
        tracing::info!(
            endpoint = %name,
            side = ?self.side,
            "redis-func-cache: the store answers again"
        );
    }

    async fn ask(&self, client: &Arc<Client>) -> Result<(), Error> {
        let call = async {
            match self.side {
                Side::Read => client
                    .hmget(&client.connection, &self.pair, &[PROBE])
                    .await
                    .map(drop),
                Side::Write => client
                    .put(&client.connection, &self.pair, put()?, None)
                    .await
                    .map(drop),
            }
        };
        match tokio::time::timeout(self.timeout, call).await {
            Ok(result) => result,
            Err(_) => {
                client.connection.timed_out();
                Err(Error::unavailable("the store did not answer in time"))
            }
        }
    }
}

/// However a probe ends, by a panic below it or without a background thread, it leaves no breaker open.
impl Drop for Prober {
    fn drop(&mut self) {
        // By now it may be open again, and then another probe closes it.
        if !self.has_closed {
            self.endpoint.breaker(self.side).probed(true);
            if let Some(client) = self.client.upgrade() {
                client.show_breaker(&self.endpoint, self.side);
            }
        }
    }
}

const PROBE: EntryOf = EntryOf {
    field: FIELD,
    method: 0,
    tags: TagIds::NONE,
};

/// The pair for probes beside another one: in its slot, under its policy, with a name that no cache has.
fn reserved(pair: &Pair) -> Pair {
    let reserved = Pair::new(
        0,
        format!("{}:probe", pair.stem),
        pair.policy.clone(),
        StructureTtl::Fixed(LIFE),
        MaxSize::new(1),
        Touch::BEHIND,
    );
    // Not one of the pairs that the store remembers.
    reserved.state(Arc::<PairState>::default);
    reserved
}

fn put() -> Result<Put, Error> {
    let client = ClientHeader {
        codec: 0,
        flags: 0,
        identity: 0,
        method: 0,
        cost_us: 0,
    };
    let entry = header::close(client, header::tail(&Label::NONE, &[]));
    Ok(Put {
        field: FIELD,
        entry: entry.ok_or_else(|| Error::unavailable("an empty entry is too long"))?,
        soft_ms: 0,
        hard_ms: 0,
        token: None,
        origin: Origin::default(),
        tags: TagIds::NONE,
        now: None,
    })
}
