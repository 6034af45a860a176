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

use super::batch::Answer;
use super::handshake::Open;
use super::parser::{Reader, Surprise};
use super::queue_shards::Departed;
use super::request::Request;
use super::{FIRST_PAUSE, FLIGHTS, LONGEST_PAUSE, Shared, Stage, handshake};
use crate::store::redis::Inner;
use crate::store::redis::connection::target::CONNECT;

/// Room for what one read of the socket may bring: some hundred small entries.
const CHUNK: usize = 64 << 10;
const LEAST_ROOM: usize = 4 << 10;

/// One connection, from the attempt to its end.
pub(super) async fn run(shared: Arc<Shared>, pause: Duration) {
    // Dropped with the runtime, or by a panic where that has no sockets: there will be no other.
    let mut end = End {
        shared: shared.clone(),
        stage: Stage::Closed,
    };
    let opened = timeout(CONNECT, open(&shared)).await;
    let Ok(Ok(open)) = opened else {
        // The driver fails to connect as well, and says why.
        tracing::debug!("redis-func-cache: a lane cannot connect to the store");
        end.stage = Stage::Down {
            until: Some(Instant::now() + pause),
            pause: (pause * 2).min(LONGEST_PAUSE),
        };
        return;
    };
    shared.rise();
    match open {
        Open::Tcp(stream) => Pump::new(shared, stream).serve().await,
        #[cfg(unix)]
        Open::Unix(stream) => Pump::new(shared, stream).serve().await,
    }
    end.stage = Stage::Down {
        until: Some(Instant::now() + FIRST_PAUSE),
        pause: FIRST_PAUSE,
    };
}

async fn open(shared: &Shared) -> io::Result<Open> {
    let server = shared.target.server().await;
    handshake::open(&server.map_err(io::Error::other)?).await
}

struct End {
    shared: Arc<Shared>,
    stage: Stage,
}

impl Drop for End {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Closed);
        self.shared.fall(stage);
    }
}

struct Pump<S> {
    shared: Arc<Shared>,
    stream: S,
    /// What the server still has to be sent.
    out: BytesMut,
    /// What it has sent.
    reply: BytesMut,
    reader: Reader,
    asked: VecDeque<Flight>,
    has_yielded: bool,
    /// Which gate comes first.
    gate: usize,
}

/// Batches that are asked for together.
struct Flight {
    request: Request,
    /// How many entries each of its groups asks for.
    form: Vec<usize>,
    batches: Vec<Departed>,
}

/// Why a connection ends.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl From<Surprise> for Over {
    fn from(_: Surprise) -> Self {
        Self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pump<S> {
    fn new(shared: Arc<Shared>, stream: S) -> Self {
        Self {
            shared,
            stream,
            out: BytesMut::new(),
            reply: BytesMut::new(),
            reader: Reader::default(),
            asked: VecDeque::new(),
            has_yielded: false,
            gate: 0,
        }
    }

    async fn serve(mut self) {
        while let Ok(told) = poll_fn(|context| self.turn(context)).await {
            // Whoever was just told comes back with the next call: they go together, not one by one.
            if told > 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what there is to send, and is ready when callers were told.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Over>> {
        let goes_on = self.load(context)?;
        self.write(context)?;
        if !goes_on {
            return Poll::Pending;
        }
        let mut wanted = 1;
        loop {
            let told = self.tell(&mut wanted)?;
            if told > 0 {
                return Poll::Ready(Ok(told));
            }
            if self.reply.capacity() - self.reply.len() < wanted.max(LEAST_ROOM) {
                self.reply.reserve(wanted.max(CHUNK));
            }
            let read = pin!(self.stream.read_buf(&mut self.reply));
            if ready!(read.poll(context))? == 0 {
                return Poll::Ready(Err(Over));
            }
        }
    }

    /// Takes in those who may go into the air; `false` if it is better to come back for them.
    fn load(&mut self, context: &Context<'_>) -> Result<bool, Over> {
        let mut flights = {
            let mut state = self.shared.state();
            if !matches!(state.stage, Stage::Up) {
                return Err(Over);
            }
            // Before the gates are looked at: see `take_in`.
            state.sleeper = Some(context.waker().clone());
            state.flights
        };
        while flights < FLIGHTS && self.shared.gates.is_occupied() {
            // While a batch is in the air the next one has time for more than its first caller:
            // those who were told together are about to ask again.
            if flights == 1 && !std::mem::replace(&mut self.has_yielded, true) {
                self.shared.state().sleeper = None;
                context.waker().wake_by_ref();
                return Ok(false);
            }
            let (request, batches) = self.shared.gates.let_out(self.gate);
            self.gate += 1;
            {
                let mut state = self.shared.state();
                let known = batches.iter().map(|(batch, _)| batch.clone());
                state.in_air.extend(known);
                state.flights += 1;
            }
            request.write(&mut self.out);
            let form = request.form();
            self.asked.push_back(Flight {
                request,
                form,
                batches,
            });
            flights += 1;
        }
        self.has_yielded = false;
        Ok(true)
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Over> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.out) {
                Poll::Ready(Ok(0)) => return Err(Over),
                Poll::Ready(written) => self.out.advance(written?),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Hands out the answers that are whole; returns to how many callers.
    fn tell(&mut self, wanted: &mut usize) -> Result<usize, Over> {
        let mut told = 0;
        while !self.reply.is_empty() {
            // Nobody asked: from here on answers would go to the wrong callers.
            let flight = self.asked.front().ok_or(Over)?;
            let whole = match self.reader.read(&self.reply, &flight.form)? {
                Ok(whole) => whole,
                Err(missing) => {
                    *wanted = missing;
                    break;
                }
            };
            let bytes = self.reply.split_to(whole.end).freeze();
            let Flight {
                request, batches, ..
            } = self.asked.pop_front().ok_or(Over)?;
            {
                let mut state = self.shared.state();
                state.in_air.drain(..batches.len());
                state.flights -= 1;
                state.silences = 0;
                state.sleeper = None;
            }
            // The store is gone, and so are its callers.
            let store = self.shared.store.upgrade().ok_or(Over)?;
            let now_us = match whole.now_us {
                Ok(now_us) => now_us,
                Err(error) => {
                    for (batch, _) in batches {
                        told += batch.fail(error.again());
                    }
                    continue;
                }
            };
            let answer = Arc::new(Answer {
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
                told += of_batch.callers;
            }
        }
        Ok(told)
    }
}

impl Shared {
    /// Records the hits of a batch, before its callers go on to what may be a put, and the entries
    /// that are large.
    fn learn(&self, store: &Arc<Inner>, request: &Request, answer: &Answer) {
        for (group, entries) in request.groups.iter().zip(&answer.groups) {
            if let Ok(entries) = entries {
                group.saw(entries, &self.known);
                let hits = group.hits(entries, &answer.bytes, answer.now_us);
                store.touch(&group.pair, answer.now_us, hits);
            }
        }
    }
}
