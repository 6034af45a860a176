//! Puts: those of a pair that come together are one script.
//!
//! Which of them go together, the bytes of the script, and what each of them came to. It knows the store only
//! as a [`WriteSink`]. Start with [`PutScript`].

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use redis::Value;

use super::claims::refused;
use super::context::{PutsOptions, WriteSink};
use super::reply::ReplyPart;
use crate::error::Fault;
use crate::policy::Policy;
use crate::store::redis::pipeline::resp::{array, bulk, bulk_of_parts};
use crate::store::redis::script::put_args::{
    PutHeader, PutItem, each_put_arg, put_args_len, put_reply,
};
use crate::store::{Clock, Pair, Put, PutDone, PutOutcome, ServerTime};

/// Puts of one script: more of them save little, and others wait while a script runs.
const MOST: usize = 16;
/// Bytes of one script.
const MOST_BYTES: usize = 128 << 10;
/// How far a script looks for puts of its pair.
const WINDOW: usize = 256;
/// Scripts of one request.
const MOST_SCRIPTS: usize = 4;

/// A value on its way into the store.
#[derive(Debug)]
pub(crate) struct QueuedPut {
    pub(crate) pair: Arc<Pair>,
    pub(crate) put: Put,
    /// The server's clock when the put was queued, if it is known.
    pub(crate) now_us: Option<u64>,
    pub(crate) since: Instant,
    pub(crate) done: PutDone,
    /// The server does not know the script.
    by_text: bool,
}

impl QueuedPut {
    pub(crate) fn new(pair: &Arc<Pair>, put: Put, done: PutDone, clock: &Clock) -> Self {
        let forced_us = clock.forced_us();
        let forced_us = (forced_us > 0).then_some(forced_us);
        Self {
            pair: pair.clone(),
            now_us: forced_us.or_else(|| put.now.map(ServerTime::now_us)),
            put,
            since: Instant::now(),
            done,
            by_text: false,
        }
    }

    fn bytes(&self) -> usize {
        self.put.entry.tail.len()
    }
}

/// The puts of one script. Dropped without a reply, because the connection was lost, they go another way.
pub(crate) struct PutScript {
    pair: Arc<Pair>,
    puts: Vec<QueuedPut>,
    sink: Weak<dyn WriteSink>,
}

impl PutScript {
    /// Takes as many puts as go together with the first of these; the others keep their order.
    fn gather(waiting: &mut VecDeque<QueuedPut>, sink: Weak<dyn WriteSink>) -> Option<Self> {
        let first = waiting.pop_front()?;
        let pair = first.pair.clone();
        // Where the newest entry is evicted first, entries that come together would evict each other.
        let most = if pair.policy == Policy::Mru { 1 } else { MOST };
        let (mut bytes, mut puts, mut at) = (first.bytes(), vec![first], 0);
        while puts.len() < most
            && at < WINDOW
            && let Some(next) = waiting.get(at)
        {
            let of_pair = next.pair.stem == pair.stem;
            let fits = bytes + next.bytes() <= MOST_BYTES
                && next.now_us.is_some() == puts[0].now_us.is_some()
                && puts.iter().all(|put| put.put.field != next.put.field);
            if of_pair && fits {
                bytes += next.bytes();
                puts.extend(waiting.remove(at));
            } else if of_pair {
                // Puts of one field keep their order.
                break;
            } else {
                at += 1;
            }
        }
        Some(Self { pair, puts, sink })
    }

    fn write(&self, options: &PutsOptions, out: &mut BytesMut) {
        let header = PutHeader {
            maxsize: self.pair.maxsize.get(),
            structure: self.pair.structure,
            sweeps: options.sweeps,
            has_field_ttl: options.field_ttl,
            has_tags: self
                .puts
                .iter()
                .any(|queued| queued.put.tags.are_declared()),
        };
        let items = self.puts.iter().map(|queued| PutItem {
            put: &queued.put,
            now_us: queued.now_us,
        });
        let items: Vec<_> = items.collect();
        let script = &options.scripts.put;
        let by_text = self.puts.iter().any(|put| put.by_text);
        let touches = &options.touches;
        array(out, 6 + put_args_len(header, items.len(), touches.len()));
        let (command, script): (&[u8], _) = if by_text {
            (b"EVAL", script.text())
        } else {
            (b"EVALSHA", script.sha())
        };
        bulk(out, command);
        bulk(out, script.as_bytes());
        bulk(out, b"3");
        for key in [&self.pair.ranking, &self.pair.values, &self.pair.leases] {
            bulk(out, key.as_bytes());
        }
        each_put_arg(header, &items, touches, |parts| bulk_of_parts(out, parts));
    }

    /// Reports what became of the puts. Returns those that are to be sent once more; `None` if this is no reply
    /// to what was asked.
    fn deliver(
        mut self,
        part: &ReplyPart,
        bytes: &Bytes,
        sink: &dyn WriteSink,
    ) -> Option<Vec<QueuedPut>> {
        let reply = match part {
            ReplyPart::Error(text) if bytes[text.clone()].starts_with(b"NOSCRIPT") => {
                let mut again = std::mem::take(&mut self.puts);
                for put in &mut again {
                    put.by_text = true;
                }
                return Some(again);
            }
            ReplyPart::Error(text) => Err(refused(bytes, text)),
            part => Ok(put_reply(value(part)?).ok()?),
        };
        let puts = std::mem::take(&mut self.puts);
        match reply {
            // The script has not run.
            Err(error) if error.fault() == Fault::Moved => {
                sink.moved();
                for put in puts {
                    sink.put_elsewhere(put);
                }
            }
            Err(error) => {
                sink.failed(&self.pair, &error);
                for put in puts {
                    put.done.finish(Err(error.again()));
                }
            }
            Ok(reply) => {
                sink.answered(&self.pair);
                if reply.sweep_again {
                    sink.sweep_again(&self.pair);
                }
                let mut evicted = reply.evicted;
                for (at, put) in puts.into_iter().enumerate() {
                    put.done.finish(Ok(if reply.overtaken.contains(&at) {
                        PutOutcome::Fenced
                    } else {
                        PutOutcome::Stored(std::mem::take(&mut evicted))
                    }));
                }
            }
        }
        Some(Vec::new())
    }
}

impl Drop for PutScript {
    fn drop(&mut self) {
        let Some(sink) = self.sink.upgrade() else {
            return;
        };
        for put in std::mem::take(&mut self.puts) {
            sink.put_elsewhere(put);
        }
    }
}

/// The scripts of one request.
#[derive(Default)]
pub(crate) struct PutScripts(VecDeque<PutScript>);

impl PutScripts {
    /// Makes scripts of what waits and writes them. Puts of pairs whose recorded hits are on their way stay.
    pub(super) fn send(
        waiting: &mut VecDeque<QueuedPut>,
        sink: &Weak<dyn WriteSink>,
        out: &mut BytesMut,
    ) -> Option<Self> {
        let store = sink.upgrade()?;
        let (mut scripts, mut stay) = (VecDeque::new(), Vec::new());
        while scripts.len() < MOST_SCRIPTS {
            let Some(mut script) = PutScript::gather(waiting, sink.clone()) else {
                break;
            };
            match store.begin_puts(&script.pair, &script.puts) {
                Some(options) => {
                    script.write(&options, out);
                    scripts.push_back(script);
                }
                None => stay.append(&mut script.puts),
            }
        }
        for put in stay.into_iter().rev() {
            waiting.push_front(put);
        }
        (!scripts.is_empty()).then_some(Self(scripts))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Reports what became of the puts. Returns how many there were, and those that are to be sent once more;
    /// `None` if these are no replies to what was asked.
    pub(super) fn deliver(
        mut self,
        parts: &[ReplyPart],
        bytes: &Bytes,
        sink: &dyn WriteSink,
    ) -> Option<(usize, Vec<QueuedPut>)> {
        let (mut callers, mut again) = (0, Vec::new());
        for part in parts {
            let script = self.0.pop_front()?;
            callers += script.puts.len();
            again.extend(script.deliver(part, bytes, sink)?);
        }
        Some((callers, again))
    }
}

/// A reply as the redis crate has it.
fn value(part: &ReplyPart) -> Option<Value> {
    let int = |part: &ReplyPart| match part {
        ReplyPart::Int(number) => Some(Value::Int(*number)),
        _ => None,
    };
    match part {
        ReplyPart::Array(items) => items
            .iter()
            .map(int)
            .collect::<Option<_>>()
            .map(Value::Array),
        part => int(part),
    }
}
