//! The one task that writes to a wire and reads from it.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::timeout;

use super::batch::BatchReply;
use super::handshake::ServerStream;
use super::parser::{ProtocolError, ReplyParser};
use super::queue_shards::SentBatch;
use super::request::Request;
use super::{
    FIRST_PAUSE, LONGEST_PAUSE, PipelineStage, PipelineState, REQUESTS_IN_FLIGHT, handshake,
};
use crate::store::redis::Client;
use crate::store::redis::connection::target::CONNECT;

/// Room for what one read of the socket may bring: some hundred small entries.
const CHUNK: usize = 64 << 10;
const LEAST_ROOM: usize = 4 << 10;

/// One connection, from the attempt to its end.
pub(super) async fn run(shared: Arc<PipelineState>, pause: Duration) {
    // Dropped with the runtime, or by a panic where that has no sockets: there will be no other.
    let mut end = DisconnectGuard {
        shared: shared.clone(),
        stage: PipelineStage::Closed,
    };
    let opened = timeout(CONNECT, open(&shared)).await;
    let Ok(Ok(open)) = opened else {
        // The driver fails to connect as well, and says why.
        tracing::debug!("redis-func-cache: a lane cannot connect to the store");
        end.stage = PipelineStage::Down {
            until: Some(Instant::now() + pause),
            pause: (pause * 2).min(LONGEST_PAUSE),
        };
        return;
    };
    shared.on_connected();
    match open {
        ServerStream::Tcp(stream) => IoTask::new(shared, stream).serve().await,
        #[cfg(unix)]
        ServerStream::Unix(stream) => IoTask::new(shared, stream).serve().await,
    }
    end.stage = PipelineStage::Down {
        until: Some(Instant::now() + FIRST_PAUSE),
        pause: FIRST_PAUSE,
    };
}

async fn open(shared: &PipelineState) -> io::Result<ServerStream> {
    let server = shared.target.server().await;
    handshake::open(&server.map_err(io::Error::other)?).await
}

struct DisconnectGuard {
    shared: Arc<PipelineState>,
    stage: PipelineStage,
}

impl Drop for DisconnectGuard {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, PipelineStage::Closed);
        self.shared.on_disconnected(stage);
    }
}

struct IoTask<S> {
    shared: Arc<PipelineState>,
    stream: S,
    /// What the server still has to be sent.
    out: BytesMut,
    /// What it has sent.
    reply: BytesMut,
    parser: ReplyParser,
    in_flight: VecDeque<RequestInFlight>,
    has_yielded: bool,
    /// Which first_shard comes first.
    first_shard: usize,
}

/// Batches that are in_flight for together.
struct RequestInFlight {
    request: Request,
    /// How many entries each of its groups asks for.
    expected_lens: Vec<usize>,
    batches: Vec<SentBatch>,
}

/// Why a connection ends.
struct ConnectionEnd;

impl From<io::Error> for ConnectionEnd {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl From<ProtocolError> for ConnectionEnd {
    fn from(_: ProtocolError) -> Self {
        Self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> IoTask<S> {
    fn new(shared: Arc<PipelineState>, stream: S) -> Self {
        Self {
            shared,
            stream,
            out: BytesMut::new(),
            reply: BytesMut::new(),
            parser: ReplyParser::default(),
            in_flight: VecDeque::new(),
            has_yielded: false,
            first_shard: 0,
        }
    }

    async fn serve(mut self) {
        while let Ok(answered) = poll_fn(|context| self.turn(context)).await {
            // Whoever was just answered comes back with the next call: they go together, not one by one.
            if answered > 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what there is to send, and is ready when callers were answered.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, ConnectionEnd>> {
        let goes_on = self.load(context)?;
        self.write(context)?;
        if !goes_on {
            return Poll::Pending;
        }
        let mut wanted = 1;
        loop {
            let answered = self.tell(&mut wanted)?;
            if answered > 0 {
                return Poll::Ready(Ok(answered));
            }
            if self.reply.capacity() - self.reply.len() < wanted.max(LEAST_ROOM) {
                self.reply.reserve(wanted.max(CHUNK));
            }
            let read = pin!(self.stream.read_buf(&mut self.reply));
            if ready!(read.poll(context))? == 0 {
                return Poll::Ready(Err(ConnectionEnd));
            }
        }
    }

    /// Takes in those who may go into the air; `false` if it is better to come back for them.
    fn load(&mut self, context: &Context<'_>) -> Result<bool, ConnectionEnd> {
        let mut requests = {
            let mut state = self.shared.state();
            if !matches!(state.stage, PipelineStage::Up) {
                return Err(ConnectionEnd);
            }
            // Before the shards are looked at: see `enqueue`.
            state.sleeper = Some(context.waker().clone());
            state.requests
        };
        while requests < REQUESTS_IN_FLIGHT && self.shared.shards.has_waiters() {
            // While a batch is in the air the next one has time for more than its first caller:
            // those who were answered together are about to ask again.
            if requests == 1 && !std::mem::replace(&mut self.has_yielded, true) {
                self.shared.state().sleeper = None;
                context.waker().wake_by_ref();
                return Ok(false);
            }
            let (request, batches) = self.shared.shards.drain(self.first_shard);
            self.first_shard += 1;
            {
                let mut state = self.shared.state();
                let known = batches.iter().map(|(batch, _)| batch.clone());
                state.in_flight.extend(known);
                state.requests += 1;
            }
            request.write(&mut self.out);
            let expected_lens = request.expected_lens();
            self.in_flight.push_back(RequestInFlight {
                request,
                expected_lens,
                batches,
            });
            requests += 1;
        }
        self.has_yielded = false;
        Ok(true)
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), ConnectionEnd> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.out) {
                Poll::Ready(Ok(0)) => return Err(ConnectionEnd),
                Poll::Ready(written) => self.out.advance(written?),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Hands out the answers that are whole; returns to how many callers.
    fn tell(&mut self, wanted: &mut usize) -> Result<usize, ConnectionEnd> {
        let mut answered = 0;
        while !self.reply.is_empty() {
            // Nobody in_flight: from here on answers would go to the wrong callers.
            let flight = self.in_flight.front().ok_or(ConnectionEnd)?;
            let whole = match self.parser.read(&self.reply, &flight.expected_lens)? {
                Ok(whole) => whole,
                Err(missing) => {
                    *wanted = missing;
                    break;
                }
            };
            let bytes = self.reply.split_to(whole.end).freeze();
            let RequestInFlight {
                request, batches, ..
            } = self.in_flight.pop_front().ok_or(ConnectionEnd)?;
            {
                let mut state = self.shared.state();
                state.in_flight.drain(..batches.len());
                state.requests -= 1;
                state.silences = 0;
                state.sleeper = None;
            }
            // The store is gone, and so are its callers.
            let store = self.shared.store.upgrade().ok_or(ConnectionEnd)?;
            let now_us = match whole.now_us {
                Ok(now_us) => now_us,
                Err(error) => {
                    for (batch, _) in batches {
                        answered += batch.fail(error.again());
                    }
                    continue;
                }
            };
            let answer = Arc::new(BatchReply {
                now_us: match store.clock.forced_us() {
                    0 => now_us,
                    forced => forced,
                },
                at: Instant::now(),
                bytes,
                groups: whole.groups,
            });
            self.shared.learn(&store, &request, &answer);
            for (batch, places) in batches {
                let of_batch = batch.tell(&answer, places);
                store.answered(of_batch.quick);
                answered += of_batch.callers;
            }
        }
        Ok(answered)
    }
}

impl PipelineState {
    /// Records the hits of a batch, before its callers go on to what may be a put, and the entries
    /// that are large.
    fn learn(&self, store: &Arc<Client>, request: &Request, answer: &BatchReply) {
        for (group, entries) in request.groups.iter().zip(&answer.groups) {
            if let Ok(entries) = entries {
                group.observe(entries, &self.known);
                let hits = group.hits(entries, &answer.bytes, answer.now_us);
                store.record_hits(&group.pair, answer.now_us, hits);
            }
        }
    }
}
