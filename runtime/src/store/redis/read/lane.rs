//! Lanes: connections on the runtimes of callers, for reads, claims and puts.
//!
//! The [`background`] thread serves every call, but each reply crosses from its thread to the caller's,
//! which costs more than the read itself. So a multi-thread runtime that reads gets a connection of its
//! own. It is made in the background, used only while it is up, and only by tasks that the runtime
//! polls: a thread that blocks may be the one that the connection needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::oneshot;

use super::pipeline::batch::Ticket;
use super::pipeline::by_size::PipelinesBySize;
use super::pipeline::context::PipelineContext;
use super::pipeline::query::Query;
use super::queue::ReadQueue;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::{background, blocking};
use crate::store::Pair;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::pipeline::handle::Pipeline;
use crate::store::redis::write::pipeline::context::WriteContext;
use crate::store::redis::write::pipeline::traffic::WriteTraffic;

/// How often callers that have timed out are looked for.
const TICK: Duration = Duration::from_millis(25);
/// After so many ticks without a call, that ends.
const IDLE: u32 = 40;

/// The lanes of a store, by their runtime.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Never that of another store, as an address might be.
    store: u64,
    context: PipelineContext,
    writes: WriteContext,
    open: Mutex<HashMap<Id, Arc<Lane>>>,
    is_watched: AtomicBool,
    is_closed: AtomicBool,
}

/// A connection that lives on a runtime of the callers.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: Id,
    pub(crate) transport: Transport,
    /// By the address of the [`PairLanes`] that they belong to, which live as long as the store.
    queues: Mutex<HashMap<usize, Arc<ReadQueue>>>,
    /// Dropped with the lane, which ends the task that watches for the end of the runtime.
    _in_use: oneshot::Sender<()>,
}

/// How a lane reaches the store.
#[derive(Debug)]
pub(crate) enum Transport {
    Pipelines(Box<LanePipelines>),
    /// Through the redis crate: for clusters, and for TLS.
    Manager(ConnectionManager),
}

/// A lane's connections to one server.
#[derive(Debug)]
pub(crate) struct LanePipelines {
    pub(crate) reads: PipelinesBySize,
    writes: Pipeline<WriteTraffic>,
}

/// The lane of a pair, found without a lock: that of the first runtime that read the pair, which is the
/// only one in most processes. Weak, because the methods, which are static, keep what is here.
#[derive(Debug, Default)]
pub(crate) struct PairLanes {
    first: OnceLock<(Id, Weak<Lane>, Arc<ReadQueue>)>,
}

thread_local! {
    /// The store and the lane of the last task that read here: a search by the runtime would write
    /// to memory that all its threads write to.
    static HERE: RefCell<Option<(u64, Arc<Lane>)>> = const { RefCell::new(None) };
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // Threads may still remember a lane.
        self.close();
    }
}

impl Lanes {
    pub(crate) fn new(context: PipelineContext, writes: WriteContext) -> Arc<Self> {
        static STORES: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            store: STORES.fetch_add(1, Ordering::Relaxed),
            context,
            writes,
            open: Mutex::default(),
            is_watched: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Adds a read to the pipeline that tasks on this thread have used before, if it is up.
    pub(crate) fn enqueue(
        &self,
        query: &Query<'_>,
        waker: &Waker,
    ) -> Option<Result<Ticket, Error>> {
        // Another runtime may be at work on this thread, but not in a task of it.
        if blocking::is_blocked() || tokio::task::try_id().is_none() {
            return None;
        }
        HERE.with_borrow(|here| match here {
            Some((store, lane)) if *store == self.store => match &lane.transport {
                Transport::Pipelines(pipelines) => pipelines.reads.enqueue(query, waker),
                Transport::Manager(_) => None,
            },
            _ => None,
        })
    }

    /// The same for many fields of a pair, in one step. `None` as well where they cannot be queued together.
    pub(crate) fn enqueue_all(
        &self,
        pair: &Arc<Pair>,
        fields: &[Field],
        wait: Timeout,
        waker: &Waker,
    ) -> Option<Vec<Ticket>> {
        HERE.with_borrow(|here| match here {
            Some((store, lane)) if *store == self.store => match &lane.transport {
                Transport::Pipelines(pipelines) => {
                    pipelines.reads.enqueue_all(pair, fields, wait, waker)
                }
                Transport::Manager(_) => None,
            },
            _ => None,
        })
    }

    /// The lane of the runtime that polls the caller, if it is up, and the pair's queue there.
    pub(crate) fn here(self: &Arc<Self>, pair: &PairLanes) -> Option<(Arc<Lane>, Arc<ReadQueue>)> {
        if blocking::is_blocked() || self.is_closed() {
            return None;
        }
        let handle = Handle::try_current().ok()?;
        if handle.runtime_flavor() != RuntimeFlavor::MultiThread {
            return None;
        }
        let id = handle.id();
        let (lane, queue) = pair.first(id).unwrap_or_else(|| {
            let known = self.lanes().get(&id).cloned();
            let lane = known.unwrap_or_else(|| self.open(id, &handle));
            let queue = lane.queue(pair);
            let _ = pair.first.set((id, Arc::downgrade(&lane), queue.clone()));
            (lane, queue)
        });
        let is_up = match &lane.transport {
            Transport::Pipelines(pipelines) => {
                if tokio::task::try_id().is_some() {
                    HERE.set(Some((self.store, lane.clone())));
                }
                pipelines.reads.is_up(&handle)
            }
            Transport::Manager(connection) => connection.is_up(),
        };
        is_up.then_some((lane, queue))
    }

    /// Queues something with the write pipeline of the runtime that polls the caller, if that is up. `queue` says
    /// whether its I/O task has to be woken.
    pub(crate) fn write<T>(
        self: &Arc<Self>,
        pair: &PairLanes,
        queue: impl FnOnce(&WriteTraffic) -> (T, bool),
    ) -> Option<T> {
        let (lane, _) = self.here(pair)?;
        let Transport::Pipelines(pipelines) = &lane.transport else {
            return None;
        };
        let writes = &pipelines.writes;
        if !writes.is_up(&Handle::try_current().ok()?) {
            return None;
        }
        self.watch();
        let (queued, wakes) = queue(writes.traffic()?);
        if wakes {
            writes.wake();
        }
        Some(queued)
    }

    /// Has the write pipelines look at what waits.
    pub(crate) fn wake_writes(&self) {
        for lane in self.lanes().values() {
            if let Transport::Pipelines(pipelines) = &lane.transport {
                pipelines.writes.wake();
            }
        }
    }

    fn open(self: &Arc<Self>, id: Id, handle: &Handle) -> Arc<Lane> {
        let (in_use, ended) = oneshot::channel();
        let lane = Arc::new(Lane {
            id,
            transport: if self.context.target.is_plain() {
                Transport::Pipelines(Box::new(LanePipelines {
                    reads: PipelinesBySize::new(&self.context),
                    writes: Pipeline::new(
                        self.context.target.clone(),
                        WriteTraffic::new(&self.writes),
                    ),
                }))
            } else {
                let target = self.context.target.clone();
                Transport::Manager(ConnectionManager::new(target, Some(handle.clone())))
            },
            queues: Mutex::default(),
            _in_use: in_use,
        });
        let mut lanes = self.lanes();
        if let Some(first) = lanes.get(&id) {
            return first.clone();
        }
        lanes.insert(id, lane.clone());
        let guard = RuntimeGuard {
            lanes: Arc::downgrade(self),
            id,
        };
        // A runtime that shuts down drops its tasks, which removes the lane.
        handle.spawn(async move {
            let _guard = guard;
            let _ = ended.await;
        });
        lane
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        for lane in self.lanes().values() {
            match &lane.transport {
                Transport::Pipelines(pipelines) => {
                    pipelines.reads.close();
                    pipelines.writes.close();
                }
                Transport::Manager(connection) => connection.close(),
            }
        }
    }

    /// Has all lanes connect again: their server is no longer the right one.
    pub(crate) fn reconnect(&self) {
        for lane in self.lanes().values() {
            match &lane.transport {
                Transport::Pipelines(pipelines) => {
                    pipelines.reads.reconnect();
                    pipelines.writes.reconnect();
                }
                Transport::Manager(connection) => connection.reconnect_in_background(),
            }
        }
    }

    /// Does something to the connection of each lane that is not a pipeline.
    pub(crate) fn each_managed(&self, act: impl Fn(&ConnectionManager)) {
        for lane in self.all_lanes() {
            if let Some(connection) = lane.connection() {
                act(connection);
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Id, Arc<Lane>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes().values().cloned().collect()
    }

    /// Ensures that no call waits beyond its timeout, even where all threads of its runtime are
    /// blocked and its timers with them: the background thread looks.
    pub(crate) fn watch(self: &Arc<Self>) {
        let is_watched = &self.is_watched;
        if is_watched.load(Ordering::Relaxed) || is_watched.swap(true, Ordering::SeqCst) {
            return;
        }
        let lanes = Arc::downgrade(self);
        // Without the background thread calls are not watched.
        let _ = background::spawn(async move {
            let mut idle = 0;
            loop {
                tokio::time::sleep(TICK).await;
                let Some(lanes) = lanes.upgrade() else { return };
                let is_busy = lanes.expire_waiters();
                idle = if is_busy { 0 } else { idle + 1 };
                if idle < IDLE {
                    continue;
                }
                lanes.is_watched.store(false, Ordering::SeqCst);
                // Callers that came before that was stored rely on this watch.
                if !lanes.expire_waiters() || lanes.is_watched.swap(true, Ordering::SeqCst) {
                    return;
                }
                idle = 0;
            }
        });
    }

    /// Ends the waits of callers that have timed out; returns whether reads are under way.
    fn expire_waiters(&self) -> bool {
        let now = Instant::now();
        let mut is_busy = false;
        for lane in self.all_lanes() {
            let connection = match &lane.transport {
                Transport::Pipelines(pipelines) => {
                    is_busy |= pipelines.reads.expire_waiters(now);
                    is_busy |= pipelines.writes.expire_waiters(now);
                    continue;
                }
                Transport::Manager(connection) => connection,
            };
            for queue in lane.all_queues() {
                let (late, left) = queue.expire_waiters(now);
                is_busy |= left;
                if late {
                    connection.timed_out();
                }
            }
        }
        is_busy
    }
}

impl PairLanes {
    fn first(&self, id: Id) -> Option<(Arc<Lane>, Arc<ReadQueue>)> {
        let (_, lane, queue) = self.first.get().filter(|(first, ..)| *first == id)?;
        Some((lane.upgrade()?, queue.clone()))
    }
}

impl Lane {
    pub(crate) fn connection(&self) -> Option<&ConnectionManager> {
        match &self.transport {
            Transport::Manager(connection) => Some(connection),
            Transport::Pipelines(_) => None,
        }
    }

    fn queue(&self, pair: &PairLanes) -> Arc<ReadQueue> {
        let address = std::ptr::from_ref(pair).addr();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(address).or_default().clone()
    }

    fn all_queues(&self) -> Vec<Arc<ReadQueue>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.values().cloned().collect()
    }
}

/// Removes the lane of a runtime when the runtime drops its tasks.
struct RuntimeGuard {
    lanes: Weak<Lanes>,
    id: Id,
}

impl Drop for RuntimeGuard {
    fn drop(&mut self) {
        let Some(lanes) = self.lanes.upgrade() else {
            return;
        };
        let lane = lanes.lanes().remove(&self.id);
        // Not under the lock: its own drops follow.
        drop(lane);
    }
}
