//! Storing values: not all at once, for those that come together would all be late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Fault};
use crate::settings::ms;
use crate::store::Pair;
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script::reply::{array, number, unexpected};
use crate::store::redis::{Client, text};
use crate::store::{Put, PutOutcome};

/// What may be on its way at a time: so many small values, or a megabyte of large ones. Behind more
/// than that on one connection, whatever else is asked for would be late.
const SLOTS: u32 = 64;
/// A value takes one place, and one more for each so many bytes.
const BYTES_PER_SLOT: usize = 16 << 10;
/// How long a value may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The places of puts that are on their way.
#[derive(Debug)]
pub(crate) struct PutSlots(Semaphore);

impl Default for PutSlots {
    fn default() -> Self {
        Self(Semaphore::new(SLOTS as usize))
    }
}

impl PutSlots {
    /// Waits for the places of a value of so many bytes.
    async fn take(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Error> {
        let places =
            u32::try_from(bytes / BYTES_PER_SLOT).map_or(SLOTS, |more| (1 + more).min(SLOTS));
        let taken = tokio::time::timeout(LONGEST_WAIT, self.0.acquire_many(places)).await;
        // Nobody closes the semaphore.
        taken.ok().and_then(Result::ok).ok_or_else(|| {
            Error::unavailable("too many values wait to be stored").with_fault(Fault::Nothing)
        })
    }
}

impl Client {
    /// Stores a value when its turn has come. Its time and the breaker's count from then on: that
    /// values wait for each other says nothing about the server.
    pub(crate) async fn put_in_turn(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        mut put: Put,
        deadline: Duration,
    ) -> Result<PutOutcome, Error> {
        let since = Instant::now();
        let _places = self.puts.take(put.entry.tail.len()).await?;
        put.age(ms(since.elapsed()));
        if let Some(token) = put.token {
            // It is over sooner than the lease, renewed until now.
            self.leases.forget_lease(token);
        }
        let put = self.in_time(deadline, self.put(pair, put));
        self.ask(Side::Write, pair, deadline, put).await
    }

    pub(crate) async fn put(&self, pair: &Pair, put: Put) -> Result<PutOutcome, Error> {
        let script = self.scripts(&pair.policy).put.clone();
        let field = put.field;
        let sweeps = &self.shared(pair).sweeps;
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
