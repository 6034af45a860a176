//! Storing values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::settings::ms;
use crate::store::redis::client::Client;
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script::put_args::{PutHeader, PutItem, put_args, put_reply};
use crate::store::{Pair, Put, PutOutcome};

/// The timeout of a put once its turn has come.
const TIMEOUT: Duration = Duration::from_secs(1);

impl Client {
    /// Stores a value when its turn has come. Its timeout and the breaker's timing begin then: that
    /// values wait for each other says nothing about the server.
    pub(crate) async fn put_in_turn(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        mut put: Put,
    ) -> Result<PutOutcome, Error> {
        let since = Instant::now();
        let _slots = self.put_slots.take(put.entry.tail.len()).await?;
        put.age(ms(since.elapsed()));
        if let Some(token) = put.token {
            // The put ends sooner than the lease, which was renewed until now.
            self.leases.forget_lease(token);
        }
        let put = self.in_time(TIMEOUT, self.put(pair, put));
        self.ask(Side::Write, pair, TIMEOUT, put).await
    }

    pub(crate) async fn put(&self, pair: &Pair, put: Put) -> Result<PutOutcome, Error> {
        let script = self.scripts(&pair.policy).put.clone();
        let sweeps = &self.pair_state(pair).sweeps;
        let header = PutHeader {
            maxsize: pair.maxsize.get(),
            structure: pair.structure,
            sweeps: put.hard_ms > 0 && sweeps.is_due(),
            has_field_ttl: self.connection.has_field_ttl(),
        };
        let forced_us = Some(self.clock.forced_us()).filter(|&us| us > 0);
        let known = put.now.map(|known| self.clock.now_us(known));
        let item = PutItem {
            put: &put,
            now_us: forced_us.or(known),
        };
        let touches = self.take_pending_hits(pair, put.field);
        let args = put_args(header, &[item], touches);
        let reply = put_reply(self.script(&script, &pair.stem, &args).await?)?;
        if reply.sweep_again {
            sweeps.again();
        }
        Ok(match reply.overtaken[..] {
            [] => PutOutcome::Stored(reply.evicted),
            _ => PutOutcome::Fenced,
        })
    }
}
