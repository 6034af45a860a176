//! Who asks an endpoint whose breaker is open, until it is closed: this, and no caller.
//!
//! A probe is a call like any other, by the same code, on a pair of its own that nothing else reads:
//! so it is refused whatever a call would be refused, by permissions on commands and keys, for want
//! of memory or replicas, in the slot's state. A `PING` passes where all of that is broken. What the
//! probe of the writing side stores is an empty entry, and its pair ends after a second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::endpoint::{AdmittedCall, Endpoint, Side};
use crate::entry::header;
use crate::entry::header::Label;
use crate::error::Error;
use crate::error::Fault;
use crate::key::digest::Field;
use crate::rt::{background, backoff};
use crate::settings::{DEFAULT_DEADLINE, StructureTtl, Touch};
use crate::store::Pair;
use crate::store::Put;
use crate::store::maxsize::MaxSize;
use crate::store::redis::pair_state::PairState;
use crate::store::redis::{Client, read};

const LIFE: Duration = Duration::from_secs(1);
const FIELD: Field = Field([0; 20]);

struct Prober {
    client: Weak<Client>,
    endpoint: Arc<Endpoint>,
    side: Side,
    pair: Arc<Pair>,
    /// An answer that takes longer than a call may spend on half of it is none.
    patience: Duration,
    has_closed: bool,
}

/// Probes until the breaker is closed.
pub(crate) fn start(client: &Arc<Client>, asked: &AdmittedCall<'_>, pause: Duration) {
    let probe = Prober {
        client: Arc::downgrade(client),
        endpoint: client.endpoint(asked).clone(),
        side: asked.side,
        pair: Arc::new(reserved(asked.pair)),
        // What a call has left for its put says little.
        patience: asked.deadline.max(DEFAULT_DEADLINE) / 2,
        has_closed: false,
    };
    // A breaker that nobody probes must not stay open: see `drop`.
    let _ = background::spawn(probe.run(pause));
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
                // The client is replaced below, which is no news of the node: whoever took it for
                // such would replace one client after another, and they would ask all nodes.
                tokio::time::sleep(about).await;
            } else {
                // A new connection is a reason to look at once.
                client.connection.attempted(about).await;
            }
            let result = self.ask(&client).await;
            if matches!(&result, Err(error) if error.fault() == Fault::Garbled) {
                client.connection.reconnect_now();
            }
            let answered = !matches!(&result, Err(error) if error.fault() != Fault::Answered);
            if client.target.is_cluster() {
                client.learn_topology();
                if matches!(&result, Err(error) if error.is_unavailable()) {
                    client.connection.reconnect_in_background();
                    client.lanes.reconnect();
                }
            }
            match self.endpoint.breaker(self.side).probed(answered) {
                Some(next) => pause = next,
                None => {
                    self.has_closed = true;
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
        let asked = async {
            match self.side {
                Side::Read => read::ask(client, &client.connection, &self.pair, &[FIELD])
                    .await
                    .map(drop),
                Side::Write => client.put(&self.pair, put()?).await.map(drop),
            }
        };
        match tokio::time::timeout(self.patience, asked).await {
            Ok(result) => result,
            Err(_) => {
                client.connection.timed_out();
                Err(Error::unavailable("the store did not answer in time"))
            }
        }
    }
}

/// However a probe ends, by a panic below it or for want of a driver, it leaves no breaker open.
impl Drop for Prober {
    fn drop(&mut self) {
        // By now it may be open again, and another one's to close.
        if !self.has_closed {
            self.endpoint.breaker(self.side).probed(true);
        }
    }
}

/// The pair for probes beside another: in its slot, under its policy, with a name that is no cache's.
fn reserved(pair: &Pair) -> Pair {
    let reserved = Pair::new(
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
    let label = Label {
        codec: 0,
        flags: 0,
        identity: 0,
        method: 0,
        cost_us: 0,
    };
    let entry = header::close(label, header::tail());
    Ok(Put {
        field: FIELD,
        entry: entry.ok_or_else(|| Error::unavailable("an empty entry is too long"))?,
        soft_ms: 0,
        hard_ms: 0,
        token: None,
    })
}
