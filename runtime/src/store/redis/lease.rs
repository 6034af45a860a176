//! Leases on the server: asked for, renewed while their computation runs, given back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Value;

use super::endpoint::Side;
use super::reply::{array, unexpected};
use super::{Inner, STEP, driver, script, text, timed};
use crate::error::Error;
use crate::field::Field;
use crate::method::Pair;
use crate::settings::{Touch, ms};
use crate::store::{Begin, Begun, Found, Manner, Token, Unwanted};

/// What a dead process costs those who wait for it.
const LEASE: Duration = Duration::from_secs(2);
const RENEWAL: Duration = Duration::from_millis(600);
/// Of a computation that runs for ten minutes: nobody waits for it any more.
const MOST_RENEWALS: u32 = 1000;

/// The leases that computations of this process have or ask for.
#[derive(Debug, Default)]
pub(super) struct Leases {
    known: Mutex<HashMap<Token, Known>>,
    is_renewing: AtomicBool,
}

#[derive(Debug)]
struct Known {
    pair: Arc<Pair>,
    field: Field,
    is_granted: bool,
    renewals: u32,
}

impl Leases {
    fn known(&self) -> MutexGuard<'_, HashMap<Token, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The computation is over, or its caller has gone away.
    pub(super) fn let_go(&self, token: Token) {
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

impl Inner {
    pub(super) async fn begin(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        begin: Begin,
    ) -> Result<Begun, Error> {
        let Begin { field, token, .. } = begin;
        // Known before it is asked for, so that a caller who goes away meanwhile is noticed.
        self.leases.known().entry(token).or_insert_with(|| Known {
            pair: pair.clone(),
            field,
            is_granted: false,
            renewals: 0,
        });
        let args = self.begin_args(begin);
        let answer = self.script(&script::BEGIN, &pair.stem, &args).await;
        let (now_us, begun) = begun(answer?)?;
        match &begun {
            Begun::Hit(_) if pair.touch == Touch::Exact => {
                let get = &self.scripts(&pair.policy).get;
                let args = &self.common_args(pair, field)[..4];
                let _ = self.script(get, &pair.stem, args).await;
            }
            Begun::Hit(_) => self.touch(pair, now_us, std::iter::once((field, 1))),
            Begun::Leads if self.leases.granted(token) => self.renew_behind(),
            Begun::Leads => {
                let args = [field.0.to_vec(), token.0.to_vec(), text(0)];
                let _ = timed(self.script(&script::ABANDON, &pair.stem, &args)).await;
            }
            Begun::Waits { .. } => {}
        }
        Ok(begun)
    }

    fn begin_args(&self, begin: Begin) -> [Vec<u8>; 7] {
        let manner = match begin.manner {
            Manner::TakesOver => b"0",
            Manner::Waits => b"1",
            Manner::Refreshes => b"2",
        };
        let unwanted = match begin.unwanted {
            Unwanted::Nothing => Vec::new(),
            Unwanted::Created(instant) => instant.to_vec(),
            Unwanted::Everything => b"*".to_vec(),
        };
        [
            begin.field.0.to_vec(),
            text(self.clock.forced_us()),
            begin.token.0.to_vec(),
            text(ms(LEASE)),
            manner.to_vec(),
            unwanted,
            begin.tag.to_le_bytes().to_vec(),
        ]
    }

    /// Sees to it that somebody renews leases as long as there are any.
    fn renew_behind(self: &Arc<Self>) {
        if self.leases.is_renewing.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = Arc::downgrade(self);
        let _ = driver::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let Some(inner) = inner.upgrade() else { return };
                let due = inner.leases.due();
                if due.is_empty() {
                    inner.leases.is_renewing.store(false, Ordering::SeqCst);
                    // One that was granted before that was stored relies on this task.
                    if inner.leases.known().values().all(|lease| !lease.is_granted)
                        || inner.leases.is_renewing.swap(true, Ordering::SeqCst)
                    {
                        return;
                    }
                }
                for (token, pair, field) in due {
                    tokio::spawn(renew(inner.clone(), token, pair, field));
                }
            }
        });
    }
}

async fn renew(inner: Arc<Inner>, token: Token, pair: Arc<Pair>, field: Field) {
    let args = renewal(field, token);
    let renewed = timed(inner.script(&script::RENEW, &pair.stem, &args));
    let renewed = inner.ask(Side::Write, &pair, STEP, renewed).await;
    if matches!(renewed, Ok(Value::Int(0))) {
        inner.leases.let_go(token);
    }
}

/// The arguments of a renewal.
pub(super) fn renewal(field: Field, token: Token) -> Vec<Vec<u8>> {
    vec![field.0.to_vec(), token.0.to_vec(), text(ms(LEASE))]
}

fn begun(answer: Value) -> Result<(u64, Begun), Error> {
    let mut parts = array(answer)?.into_iter();
    let (Some(Value::Int(now_us)), Some(Value::BulkString(what))) = (parts.next(), parts.next())
    else {
        return Err(unexpected());
    };
    let now_us = u64::try_from(now_us).unwrap_or_default();
    let begun = match (&what[..], parts.next(), parts.next()) {
        (b"lead", ..) => Begun::Leads,
        (b"hit", Some(Value::BulkString(entry)), _) => Begun::Hit(Found {
            now_us,
            entry: Some(entry.into()),
            pair_ms: None,
        }),
        (b"wait", Some(Value::Int(left_ms)), Some(Value::BulkString(holder))) => Begun::Waits {
            left: Duration::from_millis(u64::try_from(left_ms).unwrap_or_default()),
            holder: Token(holder.try_into().unwrap_or_default()),
        },
        _ => return Err(unexpected()),
    };
    Ok((now_us, begun))
}
