//! What the client does for write pipelines, and hears of them.

use std::sync::Arc;

use super::pipeline::context::{PutsOptions, WriteSink};
use super::pipeline::puts::QueuedPut;
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::background;
use crate::store::redis::client::{Client, STEP};
use crate::store::redis::health::endpoint::{AdmittedCall, Side};
use crate::store::{Pair, Token};

impl WriteSink for Client {
    fn begin_puts(&self, pair: &Arc<Pair>, puts: &[QueuedPut]) -> Option<PutsOptions> {
        let fields = puts.iter().map(|put| put.put.field);
        let touches = self.take_unless_recording(pair, fields)?;
        let mut sweeps = false;
        for put in puts {
            sweeps |= self.pair_state(pair).sweeps.is_due(put.put.hard_ms > 0);
            if let Some(token) = put.put.token {
                // The put ends sooner than the lease, which was renewed until now.
                self.leases.forget_lease(token);
            }
        }
        // This connection has asked for it, if it was ever wanted.
        self.connection.is_up();
        Some(PutsOptions {
            scripts: self.scripts(&pair.policy),
            sweeps,
            field_ttl: self.connection.has_field_ttl(),
            touches,
        })
    }

    fn sweep_again(&self, pair: &Pair) {
        self.pair_state(pair).sweeps.again();
    }

    fn release(&self, pair: &Arc<Pair>, field: Field, token: Token) {
        if let Some(client) = self.this.upgrade() {
            client.abandon(pair, field, token, 0);
        }
    }

    fn put_elsewhere(&self, queued: QueuedPut) {
        let Some(client) = self.this.upgrade() else {
            return;
        };
        // Without the background thread `done` is dropped, which is an error.
        let _ = background::spawn(async move {
            let QueuedPut {
                pair,
                put,
                now_us,
                since,
                done,
                ..
            } = queued;
            done.finish(client.put_in_turn(&pair, put, now_us, since).await);
        });
    }

    fn answered(&self, pair: &Pair) {
        let node = self.node_of(pair);
        let endpoint = node.as_ref().unwrap_or(&self.endpoints.only);
        endpoint.breaker(Side::Write).answered(1);
    }

    fn moved(&self) {
        self.on_moved();
    }

    fn failed(&self, pair: &Arc<Pair>, error: &Error) {
        let Some(client) = self.this.upgrade() else {
            return;
        };
        let Ok(admission) = client.admit(Side::Write, pair) else {
            return;
        };
        let call = AdmittedCall {
            admission,
            side: Side::Write,
            pair,
            deadline: STEP,
        };
        // It is reported here; those who wait for it get their own.
        let _ = client.account::<()>(&call, Err(error.again()));
    }
}
