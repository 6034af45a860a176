//! Recording hits on the server, in the background (write-behind).
//!
//! It imports `client`, `health` and `script`. Start with [`pending`], which is state: the hits that are not
//! recorded yet, and which of them are worth sending.

pub(crate) mod pending;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis::Value;

use self::pending::{FieldHits, MOST, PendingHits, Significance, args_of};
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::background;
use crate::settings::Touch;
use crate::store::Pair;
use crate::store::redis::client::{Client, STEP, text, timed};
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::pair_state::RecordingGuard;
use crate::store::redis::script::reply::array;

/// How often hits that wait are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// In smaller pairs a put may evict a good part of the entries: there it knows every hit of this process.
const LARGE_PAIR: u64 = 256;
/// The longest time until the end of a pair is moved.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// Records hits, each a field and how many there were, to be sent in the background.
    pub(crate) fn record_hits(
        &self,
        pair: &Arc<Pair>,
        now_us: u64,
        hits: impl Iterator<Item = (Field, u64)>,
    ) {
        let counts = pair.policy.counts_hits();
        let Touch::Behind(interval) = pair.touch else {
            return;
        };
        // Looked at only if there is a use for them: this runs for every reply.
        let mut hits = hits.peekable();
        if !(counts || pair.structure.is_sliding()) || hits.peek().is_none() {
            return;
        }
        let mut pending = self.pair_state(pair).pending_hits();
        let significance = Significance::of(&pair.policy);
        if counts {
            hits.for_each(|(field, hits)| pending.record(significance, field, now_us, hits));
        }
        let may_wait = significance != Significance::Each;
        let sweeps = may_wait && !std::mem::replace(&mut pending.is_swept, true);
        // The end of a sliding pair does not wait with them.
        let slides = may_wait && pair.structure.is_sliding();
        let slides_now = slides && !std::mem::replace(&mut pending.is_end_scheduled, true);
        let is_full = pending.due() >= MOST;
        let is_needed = !pending.is_scheduled && (pending.due() > 0 || !counts);
        pending.is_scheduled |= is_needed;
        drop(pending);
        if !sweeps && !slides_now && !is_needed && !is_full {
            return;
        }
        let Some(client) = self.this.upgrade() else {
            return;
        };
        if sweeps {
            client.sweep(pair, SWEEP.max(interval));
        }
        if slides_now {
            client.move_end(pair);
        }
        if !is_needed && !is_full {
            return;
        }
        let delay = if is_full {
            Duration::ZERO
        } else {
            send_delay(pair, interval)
        };
        client.send_later(pair, delay);
    }

    fn send_later(self: Arc<Self>, pair: &Arc<Pair>, delay: Duration) {
        let pair = pair.clone();
        // Without the background thread there was no hit.
        let _ = background::spawn(async move {
            tokio::time::sleep(delay).await;
            self.send_pending_hits(&pair).await;
        });
    }

    /// Sends the hits that wait after each pause, as long as there are hits.
    fn sweep(self: &Arc<Self>, pair: &Arc<Pair>, pause: Duration) {
        let (client, pair) = (Arc::downgrade(self), pair.clone());
        // Without the background thread there was no hit.
        let _ = background::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(client) = client.upgrade() else {
                    return;
                };
                let (is_used, due) = {
                    let mut pending = client.pair_state(&pair).pending_hits();
                    (pending.sweep(), pending.due())
                };
                if due > 0 {
                    client.send_pending_hits(&pair).await;
                }
                if !is_used {
                    return;
                }
            }
        });
    }

    /// The hits that are not recorded yet, for the script that stores these fields.
    pub(crate) fn take_pending_hits(
        &self,
        pair: &Pair,
        fields: impl Iterator<Item = Field>,
    ) -> Vec<Vec<u8>> {
        take(&mut self.pair_state(pair).pending_hits(), pair, fields)
    }

    /// The same for a script that goes another way than recorded hits do. `None` while some are on their way.
    pub(super) fn take_unless_recording(
        &self,
        pair: &Pair,
        fields: impl Iterator<Item = Field>,
    ) -> Option<Vec<Vec<u8>>> {
        let state = self.pair_state(pair);
        let mut pending = state.pending_hits();
        (!state.is_recording()).then(|| take(&mut pending, pair, fields))
    }

    async fn send_pending_hits(self: &Arc<Self>, pair: &Arc<Pair>) {
        if Significance::of(&pair.policy) != Significance::Each {
            return self.send_in_steps(pair).await;
        }
        let (hits, recording) = {
            let state = self.pair_state(pair);
            let mut pending = state.pending_hits();
            pending.is_scheduled = false;
            (pending.take(Significance::Each), state.begin_recording())
        };
        if hits.is_empty() && pair.policy.counts_hits() {
            return self.end_recording(recording);
        }
        let count = hits.len() as u64;
        if self.send_script(pair, hits).await.is_err() {
            self.dropped_touches.fetch_add(count, Ordering::Relaxed);
        }
        self.end_recording(recording);
    }

    /// Puts of the pair may have waited for it.
    fn end_recording(&self, recording: RecordingGuard) {
        drop(recording);
        self.lanes.wake_writes();
    }

    /// Where the policy is order-insensitive. A put meanwhile sends what is left.
    async fn send_in_steps(self: &Arc<Self>, pair: &Arc<Pair>) {
        let significance = Significance::of(&pair.policy);
        let mut dropped = {
            let mut pending = self.pair_state(pair).pending_hits();
            pending.is_scheduled = false;
            pending.start_sending(significance)
        };
        loop {
            let (step, recording) = {
                let state = self.pair_state(pair);
                let mut pending = state.pending_hits();
                (pending.step(significance), state.begin_recording())
            };
            if step.is_empty() {
                self.end_recording(recording);
                break;
            }
            let hits = step.len() as u64;
            if self.send_commands(pair, step).await.is_err() {
                // With all that is left: a server in trouble is not asked again and again.
                dropped += hits + self.pair_state(pair).pending_hits().drop_rest();
            }
            self.end_recording(recording);
        }
        self.dropped_touches.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Has the end of a sliding pair moved soon, once for all the hits until then.
    fn move_end(self: &Arc<Self>, pair: &Arc<Pair>) {
        let (client, pair) = (self.clone(), pair.clone());
        let _ = background::spawn(async move {
            tokio::time::sleep(pause(&pair)).await;
            client.pair_state(&pair).pending_hits().is_end_scheduled = false;
            // If it fails, the next hit has it moved.
            let _ = client.send_script(&pair, Vec::new()).await;
        });
    }

    /// Sends hits as plain commands, which cost the server less than the script.
    async fn send_commands(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        hits: Vec<(Field, FieldHits)>,
    ) -> Result<(), Error> {
        let mut pipe = redis::Pipeline::new();
        if Significance::of(&pair.policy) == Significance::Count {
            for (field, hits) in hits {
                let add = pipe.cmd("ZADD").arg(&pair.ranking).arg("XX").arg("INCR");
                add.arg(hits.hits).arg(&field.0[..]).ignore();
            }
        } else {
            let add = pipe.cmd("ZADD").arg(&pair.ranking).arg("XX").arg("GT");
            for (field, hits) in hits {
                add.arg(hits.now_us).arg(&field.0[..]);
            }
            add.ignore();
            // It says how precise instants have to be.
            let first = pipe.cmd("ZRANGE").arg(&pair.ranking).arg(0).arg(0);
            first.arg("WITHSCORES");
        }
        let send = timed(async {
            let sent = self.connection.send_all(&pipe).await;
            sent.map_err(Error::from)
        });
        let replies = self.ask(Side::Write, pair, STEP, send).await?;
        if let Some(oldest) = replies.into_iter().last().and_then(instant_us) {
            self.pair_state(pair).pending_hits().observe_oldest(oldest);
        }
        Ok(())
    }

    async fn send_script(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        hits: Vec<(Field, FieldHits)>,
    ) -> Result<(), Error> {
        let script = self.scripts(&pair.policy).touch.clone();
        let mut args = vec![
            text(pair.structure.ms()),
            text(u64::from(pair.structure.is_sliding())),
        ];
        args.extend(args_of(hits));
        // By its text, although that is longer: to a server that does not know the script it would be
        // sent twice, and a put that comes meanwhile would evict without these hits.
        let send = timed(self.script_by_text(&script, &pair.stem, &args));
        self.ask(Side::Write, pair, STEP, send).await.map(drop)
    }
}

fn take(
    pending: &mut PendingHits,
    pair: &Pair,
    fields: impl Iterator<Item = Field>,
) -> Vec<Vec<u8>> {
    let significance = Significance::of(&pair.policy);
    let taken = if pair.maxsize.get() < LARGE_PAIR {
        pending.take(significance)
    } else {
        pending.take_for_put(significance, Instant::now())
    };
    fields.for_each(|field| pending.reset(field));
    args_of(taken).collect()
}

/// The score of the first entry of a ranking, which is an instant.
fn instant_us(reply: Value) -> Option<u64> {
    match array(reply).ok()?.pop()? {
        Value::BulkString(digits) => std::str::from_utf8(&digits).ok()?.parse().ok(),
        // By RESP 3, which has numbers, and a list for each entry.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Value::Double(instant) if instant >= 0.0 => Some(instant as u64),
        entry @ Value::Array(_) => instant_us(entry),
        _ => None,
    }
}

/// How long recorded hits are collected. Where hits do not count, only the end of the pair is moved.
fn send_delay(pair: &Pair, interval: Duration) -> Duration {
    if pair.policy.counts_hits() {
        interval
    } else {
        interval.max(pause(pair))
    }
}

/// The end of a pair moves in hundredths of its lifetime, so a quarter of that is often enough.
fn pause(pair: &Pair) -> Duration {
    Duration::from_millis(pair.structure.ms() / 400).min(LONGEST_PAUSE)
}
