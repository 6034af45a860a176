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

use super::resp::ProtocolError;
use super::state::{FIRST_PAUSE, PipelineStage, PipelineState};
use super::traffic::Traffic;
use crate::store::redis::connection::handshake::{self, ServerStream};
use crate::store::redis::connection::options::CONNECT;

const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Room for what one read of the socket may bring: some hundred small entries.
const CHUNK: usize = 64 << 10;
const LEAST_ROOM: usize = 4 << 10;

/// One connection, from the attempt to its end.
pub(super) async fn run<T: Traffic>(state: Arc<PipelineState<T>>, pause: Duration) {
    // The guard is dropped with the runtime, or by a panic where that has no sockets: then there is
    // no other attempt.
    let mut guard = DisconnectGuard {
        state: state.clone(),
        next: PipelineStage::Closed,
    };
    let opened = timeout(CONNECT, open(&state)).await;
    let Ok(Ok(stream)) = opened else {
        // The background thread fails to connect as well, and logs why.
        tracing::debug!("redis-func-cache: cannot connect to the store (pipeline)");
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

async fn open<T>(state: &PipelineState<T>) -> io::Result<ServerStream> {
    let target = &state.target;
    let server = target.server().await.map_err(io::Error::other)?;
    handshake::open(&server, &target.client_name).await
}

/// Ends the connection for the callers, however the task ends.
struct DisconnectGuard<T: Traffic> {
    state: Arc<PipelineState<T>>,
    next: PipelineStage,
}

impl<T: Traffic> Drop for DisconnectGuard<T> {
    fn drop(&mut self) {
        let next = std::mem::replace(&mut self.next, PipelineStage::Closed);
        self.state.on_disconnected(next);
    }
}

struct IoTask<T: Traffic, S> {
    state: Arc<PipelineState<T>>,
    stream: S,
    /// What is still to be written.
    out: BytesMut,
    /// What has been read and not been parsed.
    reply: BytesMut,
    parser: T::Parser,
    in_flight: VecDeque<T::Sent>,
    has_yielded: bool,
    /// Grows with each request.
    turn: usize,
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

impl<T: Traffic, S: AsyncRead + AsyncWrite + Unpin> IoTask<T, S> {
    fn new(state: Arc<PipelineState<T>>, stream: S) -> Self {
        Self {
            state,
            stream,
            out: BytesMut::new(),
            reply: BytesMut::new(),
            parser: T::Parser::default(),
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

    /// Sends what there is to send; ready when replies have come, with how many callers were answered.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, ConnectionEnd>> {
        let goes_on = self.load(context)?;
        self.write(context)?;
        if !goes_on {
            return Poll::Pending;
        }
        let mut wanted = 1;
        loop {
            // After a reply it looks at the queue again.
            if let Some(answered) = self.deliver(&mut wanted)? {
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

    /// Makes requests of what waits; `false` if it is better to come back for that.
    fn load(&mut self, context: &Context<'_>) -> Result<bool, ConnectionEnd> {
        let mut requests = {
            let mut io = self.state.io();
            if !matches!(io.stage, PipelineStage::Up) {
                return Err(ConnectionEnd);
            }
            io.looks += 1;
            // Before the queue is looked at: see `wake`.
            io.sleeper = Some(context.waker().clone());
            io.requests
        };
        while requests < T::REQUESTS && self.state.traffic.has_waiters() {
            // While a request is under way the next one has time for more than its first caller:
            // the callers that were answered together are about to ask again.
            if requests == 1 && !std::mem::replace(&mut self.has_yielded, true) {
                self.state.io().sleeper = None;
                context.waker().wake_by_ref();
                return Ok(false);
            }
            let Some(sent) = self.state.traffic.next(self.turn, &mut self.out) else {
                break;
            };
            self.turn += 1;
            self.state.io().requests += 1;
            self.in_flight.push_back(sent);
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

    /// Distributes the replies that are complete, if there are any; returns to how many callers.
    fn deliver(&mut self, wanted: &mut usize) -> Result<Option<usize>, ConnectionEnd> {
        let mut answered = None;
        while !self.reply.is_empty() {
            let traffic = &self.state.traffic;
            // A reply without a request: from here on replies would reach the wrong callers.
            let sent = self.in_flight.front().ok_or(ConnectionEnd)?;
            let (end, reply) = match traffic.parse(&mut self.parser, sent, &self.reply)? {
                Ok(complete) => complete,
                Err(missing) => {
                    *wanted = missing;
                    break;
                }
            };
            let bytes = self.reply.split_to(end).freeze();
            let sent = self.in_flight.pop_front().ok_or(ConnectionEnd)?;
            self.state.end_request();
            // Without the store there are no callers.
            let callers = traffic.deliver(sent, reply, bytes).ok_or(ConnectionEnd)?;
            answered = Some(answered.unwrap_or(0) + callers);
        }
        Ok(answered)
    }
}
