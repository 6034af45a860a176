//! The one task that writes to a pipeline's socket and reads from it.

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
use super::context::ReplySink;
use super::handshake::{self, ServerStream};
use super::parser::{ProtocolError, ReplyParser};
use super::queue_shards::SentBatch;
use super::request::Request;
use super::state::{FIRST_PAUSE, PipelineStage, PipelineState, REQUESTS};
use crate::store::redis::connection::options::CONNECT;

const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Room for what one read of the socket may bring: some hundred small entries.
const CHUNK: usize = 64 << 10;
const LEAST_ROOM: usize = 4 << 10;

/// One connection, from the attempt to its end.
pub(super) async fn run(state: Arc<PipelineState>, pause: Duration) {
    // The guard is dropped with the runtime, or by a panic where that has no sockets: then there is
    // no other attempt.
    let mut guard = DisconnectGuard {
        state: state.clone(),
        next: PipelineStage::Closed,
    };
    let opened = timeout(CONNECT, open(&state)).await;
    let Ok(Ok(stream)) = opened else {
        // The background thread fails to connect as well, and logs why.
        tracing::debug!("redis-func-cache: cannot connect to the store (read connection)");
        guard.next = PipelineStage::Down {
            until: Some(Instant::now() + pause),
            pause: (pause * 2).min(LONGEST_PAUSE),
        };
        return;
    };
    state.on_connected();
    match stream {
        ServerStream::Tcp(stream) => IoTask::new(state, stream).serve().await,
        #[cfg(unix)]
        ServerStream::Unix(stream) => IoTask::new(state, stream).serve().await,
    }
    guard.next = PipelineStage::Down {
        until: Some(Instant::now() + FIRST_PAUSE),
        pause: FIRST_PAUSE,
    };
}

async fn open(state: &PipelineState) -> io::Result<ServerStream> {
    let server = state.context.target.server().await;
    handshake::open(&server.map_err(io::Error::other)?).await
}

/// Ends the connection for the callers, however the task ends.
struct DisconnectGuard {
    state: Arc<PipelineState>,
    next: PipelineStage,
}

impl Drop for DisconnectGuard {
    fn drop(&mut self) {
        let next = std::mem::replace(&mut self.next, PipelineStage::Closed);
        self.state.on_disconnected(next);
    }
}

struct IoTask<S> {
    state: Arc<PipelineState>,
    stream: S,
    /// What is still to be written.
    out: BytesMut,
    /// What has been read and not been parsed.
    reply: BytesMut,
    parser: ReplyParser,
    in_flight: VecDeque<RequestInFlight>,
    has_yielded: bool,
    /// Which shard comes first.
    turn: usize,
}

/// Batches that were sent together.
struct RequestInFlight {
    request: Request,
    /// How many entries each of its groups asks for.
    expected_lens: Vec<usize>,
    batches: Vec<SentBatch>,
}

/// The connection has to end.
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
    fn new(state: Arc<PipelineState>, stream: S) -> Self {
        Self {
            state,
            stream,
            out: BytesMut::new(),
            reply: BytesMut::new(),
            parser: ReplyParser::default(),
            in_flight: VecDeque::new(),
            has_yielded: false,
            turn: 0,
        }
    }

    async fn serve(mut self) {
        while let Ok(answered) = poll_fn(|context| self.poll(context)).await {
            // Callers that have just been answered come back with their next call: they are sent
            // together, not one by one.
            if answered > 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what there is to send; ready when callers were answered, with how many.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, ConnectionEnd>> {
        let goes_on = self.load(context)?;
        self.write(context)?;
        if !goes_on {
            return Poll::Pending;
        }
        let mut wanted = 1;
        loop {
            let answered = self.deliver(&mut wanted)?;
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

    /// Makes requests of the batches that wait; `false` if it is better to come back for them.
    fn load(&mut self, context: &Context<'_>) -> Result<bool, ConnectionEnd> {
        let mut requests = {
            let mut io = self.state.io();
            if !matches!(io.stage, PipelineStage::Up) {
                return Err(ConnectionEnd);
            }
            // Before the shards are looked at: see `enqueue`.
            io.sleeper = Some(context.waker().clone());
            io.requests
        };
        while requests < REQUESTS && self.state.shards.has_waiters() {
            // While a request is under way the next one has time for more than its first caller:
            // the callers that were answered together are about to ask again.
            if requests == 1 && !std::mem::replace(&mut self.has_yielded, true) {
                self.state.io().sleeper = None;
                context.waker().wake_by_ref();
                return Ok(false);
            }
            let (request, batches) = self.state.shards.drain(self.turn);
            self.turn += 1;
            {
                let mut io = self.state.io();
                let cells = batches.iter().map(|(batch, _)| batch.clone());
                io.in_flight.extend(cells);
                io.requests += 1;
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

    /// Distributes the replies that are complete; returns to how many callers.
    fn deliver(&mut self, wanted: &mut usize) -> Result<usize, ConnectionEnd> {
        let mut answered = 0;
        while !self.reply.is_empty() {
            // A reply without a request: from here on replies would reach the wrong callers.
            let sent = self.in_flight.front().ok_or(ConnectionEnd)?;
            let complete = match self.parser.read(&self.reply, &sent.expected_lens)? {
                Ok(complete) => complete,
                Err(missing) => {
                    *wanted = missing;
                    break;
                }
            };
            let bytes = self.reply.split_to(complete.end).freeze();
            let RequestInFlight {
                request, batches, ..
            } = self.in_flight.pop_front().ok_or(ConnectionEnd)?;
            self.state.end_request(batches.len());
            let context = &self.state.context;
            // Without the store there are no callers.
            let sink = context.sink.upgrade().ok_or(ConnectionEnd)?;
            let now_us = match complete.now_us {
                Ok(now_us) => now_us,
                Err(error) => {
                    for (batch, _) in batches {
                        answered += batch.fail(error.again());
                    }
                    continue;
                }
            };
            let reply = Arc::new(BatchReply {
                now_us: match context.clock.forced_us() {
                    0 => now_us,
                    forced => forced,
                },
                at: Instant::now(),
                bytes,
                groups: complete.groups,
            });
            self.state.record(&*sink, &request, &reply);
            for (batch, indices) in batches {
                let delivered = batch.deliver(&reply, indices);
                sink.answered(delivered.quick);
                answered += delivered.callers;
            }
        }
        Ok(answered)
    }
}

impl PipelineState {
    /// The reply to the oldest request has arrived.
    fn end_request(&self, batches: usize) {
        let mut io = self.io();
        io.in_flight.drain(..batches);
        io.requests -= 1;
        io.late_in_a_row = 0;
        io.sleeper = None;
    }

    /// Records the hits of a reply, before its callers go on to what may be a put, and the entries
    /// that are large.
    fn record(&self, sink: &dyn ReplySink, request: &Request, reply: &BatchReply) {
        for (group, entries) in request.groups.iter().zip(&reply.groups) {
            if let Ok(entries) = entries {
                group.observe(entries, &self.large_fields);
                let hits = group.hits(entries, &reply.bytes, reply.now_us);
                sink.record_hits(&group.pair, reply.now_us, hits);
            }
        }
    }
}
