//! Reads as the traffic of a pipeline: two `HMGET`s for each pair, and the clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::batch::{Batch, BatchReply, Ticket, disconnected};
use super::context::{PipelineContext, ReplySink};
use super::parser::{CompleteReply, ReplyParser};
use super::query::Query;
use super::queue_shards::{QueueShards, SentBatch};
use super::request::Request;
use crate::error::{Error, Fault};
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::redis::pipeline::resp::ProtocolError;
use crate::store::redis::pipeline::traffic::{Traffic, Waiters};

pub(crate) struct ReadTraffic {
    context: PipelineContext,
    large_fields: Arc<LargeFields>,
    shards: QueueShards,
    /// The batches of the requests under way.
    in_flight: Mutex<VecDeque<Arc<Batch>>>,
}

/// Batches that were sent together.
pub(crate) struct SentReads {
    request: Request,
    /// How many items the reply to each `HMGET` has.
    expected_lens: Vec<usize>,
    batches: Vec<SentBatch>,
}

impl ReadTraffic {
    pub(super) fn new(context: &PipelineContext, large_fields: Arc<LargeFields>) -> Self {
        Self {
            context: context.clone(),
            large_fields,
            shards: QueueShards::default(),
            in_flight: Mutex::default(),
        }
    }

    /// Adds a read. Returns a ticket, and whether the I/O task has to be woken.
    pub(super) fn enqueue(
        &self,
        query: &Query<'_>,
        waker: &Waker,
    ) -> Result<(Ticket, bool), Error> {
        self.shards.enqueue(query, waker)
    }

    /// The same for many reads, in one step.
    pub(super) fn enqueue_all<'q>(
        &self,
        queries: impl Iterator<Item = Query<'q>>,
        waker: &Waker,
    ) -> Result<(Vec<Ticket>, bool), Error> {
        self.shards.enqueue_all(queries, waker)
    }

    fn in_flight(&self) -> MutexGuard<'_, VecDeque<Arc<Batch>>> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the hits of a reply, before its callers go on to what may be a put, and the entries
    /// that are large.
    fn record(&self, sink: &dyn ReplySink, request: &Request, reply: &BatchReply) {
        for (group, of_pair) in request.groups.iter().zip(&reply.pairs) {
            match of_pair {
                Ok(of_pair) => {
                    group.observe(&of_pair.entries, &self.large_fields);
                    let hits = group.hits(of_pair, &reply.bytes, reply.now_us);
                    sink.record_hits(&group.pair, reply.now_us, hits);
                }
                Err(error) if error.fault() == Fault::Moved => sink.moved(),
                Err(_) => {}
            }
        }
    }
}

impl Traffic for ReadTraffic {
    type Sent = SentReads;
    type Parser = ReplyParser;
    type Reply = CompleteReply;

    // Three were no faster.
    const REQUESTS: usize = 2;
    const MOST_LATE: u32 = 3;

    fn has_waiters(&self) -> bool {
        self.shards.has_waiters()
    }

    fn next(&self, turn: usize, out: &mut BytesMut) -> Option<SentReads> {
        let (request, batches) = self.shards.drain(turn);
        let cells = batches.iter().map(|(batch, _)| batch.clone());
        self.in_flight().extend(cells);
        request.write(out);
        Some(SentReads {
            expected_lens: request.expected_lens(),
            request,
            batches,
        })
    }

    fn parse(
        &self,
        parser: &mut ReplyParser,
        sent: &SentReads,
        bytes: &[u8],
    ) -> Result<Result<(usize, CompleteReply), usize>, ProtocolError> {
        let read = parser.read(bytes, &sent.expected_lens)?;
        Ok(read.map(|complete| (complete.end, complete)))
    }

    fn deliver(&self, sent: SentReads, reply: CompleteReply, bytes: Bytes) -> Option<usize> {
        let SentReads {
            request, batches, ..
        } = sent;
        self.in_flight().drain(..batches.len());
        let sink = self.context.sink.upgrade()?;
        let now_us = match reply.now_us {
            Ok(now_us) => now_us,
            Err(error) => {
                let failed = batches.iter().map(|(batch, _)| batch.fail(error.again()));
                return Some(failed.sum());
            }
        };
        let reply = Arc::new(BatchReply {
            now_us: match self.context.clock.forced_us() {
                0 => now_us,
                forced => forced,
            },
            at: Instant::now(),
            pairs: request.replies(reply.groups, &bytes),
            bytes,
        });
        self.record(&*sink, &request, &reply);
        let breaker = self.context.endpoint.breaker(Side::Read);
        let mut answered = 0;
        for (batch, indices) in batches {
            let delivered = batch.deliver(&reply, indices);
            breaker.answered(delivered.quick);
            answered += delivered.callers;
        }
        Some(answered)
    }

    fn open(&self) {
        self.shards.open();
    }

    fn close(&self) {
        let in_flight = std::mem::take(&mut *self.in_flight());
        for batch in in_flight.into_iter().chain(self.shards.close()) {
            batch.fail(disconnected());
        }
    }

    fn expire(&self, now: Instant) -> Waiters {
        let (is_late, waits) = self.shards.wake_late(now);
        let in_flight: Vec<_> = self.in_flight().iter().cloned().collect();
        let late = in_flight.iter().filter(|batch| batch.wake_late(now));
        let late = late.count();
        Waiters {
            were_late: is_late || late > 0,
            are_left: waits || !in_flight.is_empty(),
        }
    }
}
