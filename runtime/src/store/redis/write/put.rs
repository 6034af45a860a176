//! Storing values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pipeline::context::WriteSink as _;
use super::pipeline::puts::QueuedPut;
use crate::error::Error;
use crate::settings::ms;
use crate::store::redis::client::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::pipeline::large_fields::LARGE;
use crate::store::redis::script::put_args::{PutHeader, PutItem, put_args, put_reply};
use crate::store::{Pair, Put, PutDone, PutOutcome};

/// The timeout of a put once its turn has come.
const TIMEOUT: Duration = Duration::from_secs(1);

impl Client {
    /// Stores values: together with others by the write pipeline at hand, or each by itself in the background.
    pub(crate) fn store(self: &Arc<Self>, pair: &Arc<Pair>, puts: Vec<(Put, PutDone)>) {
        let admission = match self.admit(Side::Write, pair) {
            Ok(admission) => admission,
            Err(error) => {
                for (_, done) in puts {
                    done.finish(Err(error.again()));
                }
                return;
            }
        };
        let mut small = Vec::with_capacity(puts.len());
        for (put, done) in puts {
            let queued = QueuedPut::new(pair, put, done, &self.clock);
            if is_large(&queued.put) {
                self.put_elsewhere(queued);
            } else {
                small.push(queued);
            }
        }
        if small.is_empty() {
            return;
        }
        // What the pipeline does not take stays here.
        let lanes = &self.pair_state(pair).lanes;
        self.lanes.write(lanes, admission.node(), |traffic| {
            match traffic.put(std::mem::take(&mut small)) {
                Ok(wakes) => ((), wakes),
                Err(back) => {
                    small = back;
                    ((), false)
                }
            }
        });
        for queued in small {
            self.put_elsewhere(queued);
        }
    }

    /// Stores a value when its turn has come. Its timeout and the breaker's timing begin then: that
    /// values wait for each other says nothing about the server.
    pub(crate) async fn put_in_turn(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        mut put: Put,
        now_us: Option<u64>,
        since: Instant,
    ) -> Result<PutOutcome, Error> {
        let _slots = self.put_slots.take(put.entry.tail.len()).await?;
        if now_us.is_none() {
            put.age(ms(since.elapsed()));
        }
        if let Some(token) = put.token {
            // The put ends sooner than the lease, which was renewed until now.
            self.leases.forget_lease(token);
        }
        let put = self.in_time(TIMEOUT, async {
            if is_large(&put) {
                // They are recorded by the other connection.
                self.pair_state(pair).recorded().await;
                self.put(&self.bulk, pair, put, now_us).await
            } else {
                self.put(&self.connection, pair, put, now_us).await
            }
        });
        self.ask(Side::Write, pair, TIMEOUT, put).await
    }

    pub(crate) async fn put(
        &self,
        connection: &ConnectionManager,
        pair: &Pair,
        put: Put,
        now_us: Option<u64>,
    ) -> Result<PutOutcome, Error> {
        let script = self.scripts(&pair.policy).put.clone();
        let sweeps = &self.pair_state(pair).sweeps;
        let header = PutHeader {
            maxsize: pair.maxsize.get(),
            structure: pair.structure,
            sweeps: sweeps.is_due(put.hard_ms > 0),
            has_field_ttl: connection.has_field_ttl(),
            has_tags: put.tags.are_declared(),
        };
        let item = PutItem { put: &put, now_us };
        let touches = self.take_pending_hits(pair, std::iter::once(put.field));
        let args = put_args(header, &[item], &touches);
        let stored = self.script_on(connection, &script, &pair.stem, &args);
        let reply = put_reply(stored.await?)?;
        if reply.sweep_again {
            sweeps.again();
        }
        Ok(match reply.overtaken[..] {
            [] => PutOutcome::Stored(reply.evicted),
            _ => PutOutcome::Fenced,
        })
    }
}

/// Whether a value goes alone, by the connection for large ones.
fn is_large(put: &Put) -> bool {
    put.entry.tail.len() >= LARGE
}
