//! A lane's own connection to one server: it reads entries, and does nothing else.
//!
//! Callers take a seat in a batch, and one task, the [`pump`], asks for batch after batch and hands
//! the answers out. Whoever came while enough batches are in the air goes with the next one: there
//! is no timer, so a lone caller waits for nobody. A caller that goes away leaves an empty seat and
//! nothing else, since only the pump touches the socket.

pub(crate) mod batch;
pub(crate) mod by_size;
pub(crate) mod handshake;
pub(crate) mod io_task;
pub(crate) mod parser;
pub(crate) mod queue_shards;
pub(crate) mod request;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use self::batch::Batch;
pub(crate) use self::batch::Ticket;
use self::by_size::LargeFields;
pub(crate) use self::by_size::PipelinesBySize;
use self::queue_shards::QueueShards;
use crate::deadline::Timeout;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::store::Pair;
use crate::store::redis::{Client, Target};

/// Requests in the air, each with the batches of all threads: the server works on one while the
/// next one is made. Three were no faster.
const REQUESTS_IN_FLIGHT: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so many late answers in a row the connection counts as dead: a half-open one never says so.
const SILENCE: u32 = 3;

/// What a caller wants to read, and how long it can wait.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) pair: &'a Arc<Pair>,
    pub(crate) field: Field,
    pub(crate) wait: Timeout,
}

/// Dropped, it closes its connection.
struct Pipeline(Arc<PipelineState>);

struct PipelineState {
    target: Arc<Target>,
    /// For its clock and for hits to be recorded.
    store: Weak<Client>,
    known: Arc<LargeFields>,
    /// What the state says, for those who ask often.
    is_up: AtomicBool,
    shards: QueueShards,
    state: Mutex<IoState>,
}

struct IoState {
    stage: PipelineStage,
    in_flight: VecDeque<Arc<Batch>>,
    requests: usize,
    /// Of the pump, while it has nothing to do.
    sleeper: Option<Waker>,
    silences: u32,
}

#[derive(Debug)]
enum PipelineStage {
    /// After `until`, whoever asks starts an attempt behind.
    Down {
        until: Option<Instant>,
        pause: Duration,
    },
    Connecting,
    Up,
    Closed,
}

impl Pipeline {
    fn new(store: &Arc<Client>, known: Arc<LargeFields>) -> Self {
        Self(Arc::new(PipelineState {
            target: store.target.clone(),
            store: Arc::downgrade(store),
            known,
            is_up: AtomicBool::new(false),
            shards: QueueShards::default(),
            state: Mutex::new(IoState {
                stage: PipelineStage::Down {
                    until: None,
                    pause: FIRST_PAUSE,
                },
                in_flight: VecDeque::new(),
                requests: 0,
                sleeper: None,
                silences: 0,
            }),
        }))
    }

    /// Whether there is a connection now. If there is none, an attempt starts behind, on this runtime.
    fn is_up(&self, handle: &Handle) -> bool {
        if self.0.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let mut state = self.0.state();
        if let PipelineStage::Down { until, pause } = state.stage
            && until.is_none_or(|until| Instant::now() >= until)
        {
            state.stage = PipelineStage::Connecting;
            handle.spawn(io_task::run(self.0.clone(), pause));
        }
        false
    }

    /// A seat in the next batch, if there is a connection.
    fn enqueue(&self, ask: &Query<'_>, waker: &Waker) -> Option<Result<Ticket, Error>> {
        let is_up = self.0.is_up.load(Ordering::Relaxed);
        is_up.then(|| self.0.enqueue(ask, waker))
    }

    /// Wakes calls whose time is over, so that they go. Returns whether anybody is on his way.
    fn expire_waiters(&self, now: Instant) -> bool {
        let (is_late, waits) = self.0.shards.wake_late(now);
        let mut state = self.0.state();
        let in_flight: Vec<_> = state.in_flight.iter().cloned().collect();
        let late = in_flight
            .iter()
            .filter(|batch| batch.wake_late(now))
            .count();
        if is_late || late > 0 {
            state.silences += 1;
            if state.silences >= SILENCE {
                self.0.leave(state, false);
            }
        }
        waits || !in_flight.is_empty()
    }

    fn reconnect_now(&self) {
        self.0.leave(self.0.state(), false);
    }

    fn close(&self) {
        self.0.leave(self.0.state(), true);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.close();
    }
}

impl PipelineState {
    fn state(&self) -> MutexGuard<'_, IoState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, ask: &Query<'_>, waker: &Waker) -> Result<Ticket, Error> {
        let (seat, is_first) = self.shards.enqueue(ask, waker)?;
        if is_first {
            // The pump leaves its waker before it looks at the shards for the last time.
            let mut state = self.state();
            let pump = if state.requests < REQUESTS_IN_FLIGHT {
                state.sleeper.take()
            } else {
                None
            };
            drop(state);
            if let Some(pump) = pump {
                pump.wake();
            }
        }
        Ok(seat)
    }

    /// Has the pump end the connection, for good or until somebody wants another one.
    fn leave(&self, mut state: MutexGuard<'_, IoState>, for_good: bool) {
        self.is_up.store(false, Ordering::Relaxed);
        if for_good {
            state.stage = PipelineStage::Closed;
        } else if matches!(state.stage, PipelineStage::Up) {
            state.stage = PipelineStage::Connecting;
        }
        let pump = state.sleeper.take();
        drop(state);
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    fn on_connected(&self) {
        let mut state = self.state();
        if !matches!(state.stage, PipelineStage::Closed) {
            state.stage = PipelineStage::Up;
            state.silences = 0;
            self.shards.open();
            self.is_up.store(true, Ordering::Relaxed);
        }
    }

    /// The connection is gone: whoever waits is told.
    fn on_disconnected(&self, next: PipelineStage) {
        let mut state = self.state();
        self.is_up.store(false, Ordering::Relaxed);
        if !matches!(state.stage, PipelineStage::Closed) {
            state.stage = next;
        }
        state.sleeper = None;
        state.requests = 0;
        let in_flight = std::mem::take(&mut state.in_flight);
        // Before somebody else may open them.
        let waiting = self.shards.close();
        drop(state);
        for batch in in_flight.into_iter().chain(waiting) {
            batch.fail(lost());
        }
    }
}

/// Which says nothing of the server: it may have closed an idle connection.
fn lost() -> Error {
    Error::unavailable("the connection was lost").with_fault(Fault::Nothing)
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("target", &self.0.target)
            .field("stage", &self.0.state().stage)
            .finish_non_exhaustive()
    }
}
