//! Storing values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use crate::error::Error;
use crate::settings::ms;
use crate::store::redis::client::{Client, text};
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script::reply::{array, number, unexpected};
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
        let field = put.field;
        let sweeps = &self.pair_state(pair).sweeps;
        let mut args = self.common_args(pair, field);
        args.extend([
            text(pair.maxsize.get()),
            text(put.soft_ms),
            text(put.hard_ms),
            text(u64::from(self.connection.has_field_ttl())),
            text(u64::from(put.hard_ms > 0 && sweeps.is_due())),
            put.entry.head.to_vec(),
            put.entry.tail,
            put.token.map_or_else(Vec::new, |token| token.0.to_vec()),
        ]);
        args.extend(self.take_pending_hits(pair, field));
        match self.script(&script, &pair.stem, &args).await? {
            Value::Int(-1) => Ok(PutOutcome::Fenced),
            counts => {
                let [evicted, swept] = &array(counts)?[..] else {
                    return Err(unexpected());
                };
                if *swept != Value::Int(0) {
                    sweeps.again();
                }
                Ok(PutOutcome::Stored(number(evicted)?))
            }
        }
    }
}
