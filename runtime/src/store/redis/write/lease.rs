//! Leases on the server: asked for, renewed while their computation runs, given back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::rt::background;
use crate::settings::{Touch, ms};
use crate::store::Pair;
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script::reply::{array, unexpected};
use crate::store::redis::{Client, STEP, script, text, timed};
use crate::store::{AcceptEntry, LeaseOutcome, LeaseRequest, LookupReply, OnHeldLease, Token};

/// What a dead process costs those who wait for it.
const LEASE: Duration = Duration::from_secs(2);
const RENEWAL: Duration = Duration::from_millis(600);
/// Leases that are asked for at a time.
const TURNS: usize = 64;
/// With less time than this left, a lease is not asked for any more.
const LEAST: Duration = Duration::from_millis(25);
/// Leases of a pair that are renewed together.
const BATCH: usize = 100;
/// Of a computation that runs for ten minutes: nobody waits for it any more.
const MOST_RENEWALS: u32 = 1000;

/// The leases that computations of this process have or ask for.
#[derive(Debug)]
pub(crate) struct Leases {
    known: Mutex<HashMap<Token, TrackedLease>>,
    is_renewing: AtomicBool,
    /// Those that are asked for wait for each other in this process: on their way, they would keep
    /// the server busy also when their callers wait no longer.
    turns: Semaphore,
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            is_renewing: AtomicBool::new(false),
            turns: Semaphore::new(TURNS),
        }
    }
}

#[derive(Debug)]
struct TrackedLease {
    pair: Arc<Pair>,
    field: Field,
    is_granted: bool,
    renewals: u32,
}

impl Leases {
    fn known(&self) -> MutexGuard<'_, HashMap<Token, TrackedLease>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease is about to be asked for.
    pub(crate) fn expect(&self, token: Token, pair: &Arc<Pair>, field: Field) {
        self.known().entry(token).or_insert_with(|| TrackedLease {
            pair: pair.clone(),
            field,
            is_granted: false,
            renewals: 0,
        });
    }

    /// Waits for a turn to ask. That callers wait for each other says nothing about the server.
    async fn turn(&self, at_most: Duration) -> Result<SemaphorePermit<'_>, Error> {
        let turn = tokio::time::timeout(at_most, self.turns.acquire()).await;
        // Nobody closes the semaphore.
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            Error::unavailable("too many calls ask for leases").with_fault(Fault::Nothing)
        })
    }

    fn is_wanted(&self, token: Token) -> bool {
        self.known().contains_key(&token)
    }

    /// The computation is over, or its caller has gone away.
    pub(crate) fn forget_lease(&self, token: Token) {
        self.known().remove(&token);
    }

    /// `false` if nobody wants the lease any more.
    fn granted(&self, token: Token) -> bool {
        let mut known = self.known();
        let Some(lease) = known.get_mut(&token) else {
            return false;
        };
        lease.is_granted = true;
        true
    }

    fn due(&self) -> Vec<(Token, Arc<Pair>, Field)> {
        let mut known = self.known();
        known.retain(|_, lease| lease.renewals < MOST_RENEWALS);
        let granted = known.iter_mut().filter(|(_, lease)| lease.is_granted);
        let due = granted.map(|(&token, lease)| {
            lease.renewals += 1;
            (token, lease.pair.clone(), lease.field)
        });
        due.collect()
    }
}

impl Client {
    /// Asks for a lease, unless its caller has gone away. If it goes away meanwhile, whatever came of
    /// it is given back: what the caller's end has sent may have reached the server first.
    pub(crate) async fn acquire_lease_in_time(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        begin: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        if !self.leases.is_wanted(begin.token) {
            return Err(Error::unavailable("the caller has gone away").with_fault(Fault::Nothing));
        }
        let since = Instant::now();
        let least = LEAST.min(deadline / 2);
        let _turn = self.leases.turn(deadline.saturating_sub(least)).await?;
        let left = deadline.saturating_sub(since.elapsed());
        let begun = self.in_time(left, self.begin(pair, begin));
        let begun = self.ask(Side::Write, pair, begin.deadline, begun).await;
        if !self.leases.is_wanted(begin.token) {
            let args = [begin.field.0.to_vec(), begin.token.0.to_vec(), text(0)];
            let _ = timed(self.script(&script::ABANDON, &pair.stem, &args)).await;
        }
        begun
    }

    async fn begin(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        begin: LeaseRequest,
    ) -> Result<LeaseOutcome, Error> {
        let LeaseRequest { field, token, .. } = begin;
        let args = self.lease_args(begin);
        let answer = self.script(&script::BEGIN, &pair.stem, &args).await;
        let (now_us, begun) = begun(answer?)?;
        match &begun {
            LeaseOutcome::Hit(_) if pair.touch == Touch::Exact => {
                let get = &self.scripts(&pair.policy).get;
                let args = &self.common_args(pair, field)[..4];
                let _ = self.script(get, &pair.stem, args).await;
            }
            LeaseOutcome::Hit(_) => self.record_hits(pair, now_us, std::iter::once((field, 1))),
            LeaseOutcome::Granted if self.leases.granted(token) => self.renew_behind(),
            LeaseOutcome::Granted | LeaseOutcome::Held { .. } => {}
        }
        Ok(begun)
    }

    fn lease_args(&self, begin: LeaseRequest) -> [Vec<u8>; 7] {
        let on_held = match begin.on_held {
            OnHeldLease::Preempt => b"0",
            OnHeldLease::Wait => b"1",
            OnHeldLease::GiveUp => b"2",
        };
        let accept = match begin.accept {
            AcceptEntry::Any => Vec::new(),
            AcceptEntry::NotCreatedAt(instant) => instant.to_vec(),
            AcceptEntry::Never => b"*".to_vec(),
        };
        [
            begin.field.0.to_vec(),
            text(self.clock.forced_us()),
            begin.token.0.to_vec(),
            text(ms(LEASE)),
            on_held.to_vec(),
            accept,
            begin.tag.to_le_bytes().to_vec(),
        ]
    }

    /// Sees to it that somebody renews leases as long as there are any.
    fn renew_behind(self: &Arc<Self>) {
        if self.leases.is_renewing.swap(true, Ordering::SeqCst) {
            return;
        }
        let client = Arc::downgrade(self);
        let _ = background::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let Some(client) = client.upgrade() else {
                    return;
                };
                let due = client.leases.due();
                if due.is_empty() {
                    client.leases.is_renewing.store(false, Ordering::SeqCst);
                    // One that was granted before that was stored relies on this task.
                    if client
                        .leases
                        .known()
                        .values()
                        .all(|lease| !lease.is_granted)
                        || client.leases.is_renewing.swap(true, Ordering::SeqCst)
                    {
                        return;
                    }
                }
                // One after the other, so that what else is asked for is not late behind them.
                for (pair, leases) in by_pair(due) {
                    for leases in leases.chunks(BATCH) {
                        renew(&client, &pair, leases).await;
                    }
                }
            }
        });
    }
}

type FieldToken = (Field, Token);

fn by_pair(due: Vec<(Token, Arc<Pair>, Field)>) -> Vec<(Arc<Pair>, Vec<FieldToken>)> {
    let mut pairs = HashMap::<String, (Arc<Pair>, Vec<FieldToken>)>::new();
    for (token, pair, field) in due {
        let known = pairs.entry(pair.stem.clone());
        let (_, leases) = known.or_insert_with(|| (pair, Vec::new()));
        leases.push((field, token));
    }
    pairs.into_values().collect()
}

async fn renew(client: &Arc<Client>, pair: &Arc<Pair>, leases: &[FieldToken]) {
    let args = renewal(leases);
    let renewed = timed(client.script(&script::RENEW, &pair.stem, &args));
    let renewed = client.ask(Side::Write, pair, STEP, renewed).await;
    if let Ok(Value::Array(renewed)) = renewed {
        for ((_, token), renewed) in leases.iter().zip(renewed) {
            if renewed == Value::Int(0) {
                client.leases.forget_lease(*token);
            }
        }
    }
}

/// The arguments of a renewal.
pub(crate) fn renewal(leases: &[FieldToken]) -> Vec<Vec<u8>> {
    let each = leases.iter();
    let each = each.flat_map(|(field, token)| [field.0.to_vec(), token.0.to_vec()]);
    std::iter::once(text(ms(LEASE))).chain(each).collect()
}

fn begun(answer: Value) -> Result<(u64, LeaseOutcome), Error> {
    let mut parts = array(answer)?.into_iter();
    let (Some(Value::Int(now_us)), Some(Value::BulkString(what))) = (parts.next(), parts.next())
    else {
        return Err(unexpected());
    };
    let now_us = u64::try_from(now_us).unwrap_or_default();
    let begun = match (&what[..], parts.next(), parts.next()) {
        (b"lead", ..) => LeaseOutcome::Granted,
        (b"hit", Some(Value::BulkString(entry)), _) => LeaseOutcome::Hit(LookupReply {
            now_us,
            entry: Some(entry.into()),
            pair_ms: None,
        }),
        (b"wait", Some(Value::Int(left_ms)), Some(Value::BulkString(holder))) => {
            LeaseOutcome::Held {
                left: Duration::from_millis(u64::try_from(left_ms).unwrap_or_default()),
                holder: Token(holder.try_into().unwrap_or_default()),
            }
        }
        _ => return Err(unexpected()),
    };
    Ok((now_us, begun))
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;
    use crate::store::redis::{Redis, Target, Tls};
    use crate::store::{Clock, Store as _};

    /// Its caller hands it to the driver and goes away before the driver has begun.
    #[test]
    fn a_lease_whose_caller_has_gone_is_not_asked_for() {
        let pair = Pair::for_test("lease");
        let target = Target::one("redis://127.0.0.1:1", &Tls::default()).unwrap();
        let redis = Redis::new(target, Clock::default());
        let begin = LeaseRequest {
            field: Field([7; 20]),
            token: Token([7; 16]),
            on_held: OnHeldLease::Wait,
            accept: AcceptEntry::Any,
            deadline: STEP,
            tag: 7,
        };
        let (go_on, waits) = mpsc::channel::<()>();
        background::spawn(async move { assert!(waits.recv().is_err()) }).unwrap();
        {
            let mut begun = pin!(redis.acquire_lease(&pair, begin, STEP));
            let poll = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
        }
        redis.forget_lease(begin.token);
        drop(go_on);
        // Behind what the driver has been given so far.
        pollster::block_on(background::run(async {})).unwrap();
        let known = redis.client.leases.known();
        assert!(known.is_empty(), "it would be renewed: {known:?}");
    }
}
