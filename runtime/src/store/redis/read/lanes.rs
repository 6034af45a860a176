//! Lanes: connections on the runtimes of callers, for reads, claims and puts.
//!
//! The [`background`] thread could serve every call, but each reply crosses from its thread to the caller's,
//! which costs more than the read itself. So a runtime that reads gets a connection of its own. It is made
//! in the background, used only while it is up, and only by tasks that the runtime polls: a thread that
//! blocks may be the one that the connection needs. Threads that block and threads without a runtime share
//! the lane of the background thread. So do runtimes without sockets, and for a while current-thread
//! runtimes that were found blocked by a caller: another crate's `block_on` inside a task does that.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::oneshot;

use super::lane::{Lane, PairLanes};
use super::pipeline::batch::Ticket;
use super::pipeline::query::Query;
use super::queue::ReadQueue;
use super::server_pipelines::{LaneContext, ServerPipelines};
use super::transport::Transport;
use crate::error::Error;
use crate::rt::{background, blocking};
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::health::endpoint::Endpoint;
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
    context: LaneContext,
    open: Mutex<HashMap<Id, Arc<Lane>>>,
    /// That of the background thread, found without a lock.
    background: OnceLock<Arc<Lane>>,
    is_watched: AtomicBool,
    is_closed: AtomicBool,
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
    pub(crate) fn new(context: LaneContext) -> Arc<Self> {
        static STORES: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            store: STORES.fetch_add(1, Ordering::Relaxed),
            context,
            open: Mutex::default(),
            background: OnceLock::new(),
            is_watched: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Adds a read to the pipeline that tasks on this thread have used before, if it is up.
    pub(crate) fn enqueue(
        &self,
        query: &Query<'_>,
        node: Option<&Arc<Endpoint>>,
        waker: &Waker,
    ) -> Option<Result<Ticket, Error>> {
        // Another runtime may be at work on this thread, but not in a task of it.
        if blocking::is_blocked() || tokio::task::try_id().is_none() {
            return self.enqueue_in_background(query, node, waker);
        }
        HERE.with_borrow(|here| match here {
            Some((store, lane)) if *store == self.store => lane.enqueue(query, node, waker),
            _ => None,
        })
    }

    /// The same for what is no task.
    fn enqueue_in_background(
        &self,
        query: &Query<'_>,
        node: Option<&Arc<Endpoint>>,
        waker: &Waker,
    ) -> Option<Result<Ticket, Error>> {
        let lane = self.background.get()?;
        own_runtime()
            .is_none()
            .then(|| lane.enqueue(query, node, waker))?
    }

    /// The lane of the runtime that polls the caller, or that of the background thread, if it is up; and the
    /// pair's queue there.
    pub(crate) fn here(
        self: &Arc<Self>,
        pair: &PairLanes,
        node: Option<&Arc<Endpoint>>,
    ) -> Option<(Arc<Lane>, Arc<ReadQueue>)> {
        if self.is_closed() {
            return None;
        }
        let own = own_runtime();
        // The redis crate's client has a connection in the background already.
        let is_multi_thread = own.as_ref().is_some_and(is_multi_thread);
        if !self.context.reads.target.is_plain() && !is_multi_thread {
            return None;
        }
        let own = own.map(|own| self.of(&own, pair));
        let own = own.filter(|(lane, _)| !lane.rests(node));
        let (lane, queue) = match own {
            Some(own) => own,
            None => {
                let (lane, queue) = self.of(background::handle().ok()?, pair);
                let _ = self.background.set(lane.clone());
                (lane, queue)
            }
        };
        // Not where a task blocks: the next one on this thread may not.
        if tokio::task::try_id().is_some() && !blocking::is_blocked() {
            HERE.set(Some((self.store, lane.clone())));
        }
        let is_up = lane.transport.is_up(node, &lane.runtime);
        is_up.then_some((lane, queue))
    }

    /// The lane of a runtime, and a pair's queue there.
    fn of(self: &Arc<Self>, handle: &Handle, pair: &PairLanes) -> (Arc<Lane>, Arc<ReadQueue>) {
        let id = handle.id();
        pair.first(id).unwrap_or_else(|| {
            let known = self.lanes().get(&id).cloned();
            let lane = known.unwrap_or_else(|| self.open(id, handle));
            let queue = lane.queue(pair);
            let _ = pair.first.set((id, Arc::downgrade(&lane), queue.clone()));
            (lane, queue)
        })
    }

    /// Queues something with the write pipeline of the caller's lane, if that is up. `queue` says whether its I/O
    /// task has to be woken.
    pub(crate) fn write<T>(
        self: &Arc<Self>,
        pair: &PairLanes,
        node: Option<&Arc<Endpoint>>,
        queue: impl FnOnce(&WriteTraffic) -> (T, bool),
    ) -> Option<T> {
        let (lane, _) = self.here(pair, node)?;
        self.watch();
        lane.transport.with(node, |pipelines| {
            let writes = &pipelines.writes;
            if !writes.is_up(&lane.runtime) {
                return None;
            }
            let (queued, wakes) = queue(writes.traffic()?);
            if wakes {
                writes.wake();
            }
            Some(queued)
        })?
    }

    /// Has the write pipelines look at what waits.
    pub(crate) fn wake_writes(&self) {
        for lane in self.lanes().values() {
            lane.transport.each(|pipelines| pipelines.writes.wake());
        }
    }

    fn open(self: &Arc<Self>, id: Id, handle: &Handle) -> Arc<Lane> {
        let (in_use, ended) = oneshot::channel();
        let lane = Arc::new(Lane {
            runtime: handle.clone(),
            transport: Transport::new(&self.context, handle),
            queues: Mutex::default(),
            _in_use: in_use,
        });
        let first = self
            .lanes()
            .entry(id)
            .or_insert_with(|| lane.clone())
            .clone();
        if !Arc::ptr_eq(&first, &lane) {
            return first;
        }
        let guard = RuntimeGuard {
            lanes: Arc::downgrade(self),
            id,
        };
        // A runtime that shuts down drops its tasks, which removes the lane. One that does so already drops this one
        // at once: not under the lock.
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
            lane.transport.close();
        }
    }

    /// Has all lanes connect again: their server is no longer the right one.
    pub(crate) fn reconnect(&self) {
        for lane in self.lanes().values() {
            lane.transport.reconnect();
        }
    }

    /// Ends the connections to nodes of a cluster that serve no slot any more.
    pub(crate) fn retain_nodes(&self, serving: &[Arc<Endpoint>]) {
        for lane in self.all_lanes() {
            if let Transport::Cluster(nodes) = &lane.transport {
                nodes.retain(serving);
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
            if !is_multi_thread(&lane.runtime) {
                lane.transport.each(ServerPipelines::rest_if_stalled);
            }
            is_busy |= lane.transport.expire_waiters(now);
            let Some(connection) = lane.connection() else {
                continue;
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

/// The runtime that polls the caller.
fn own_runtime() -> Option<Handle> {
    if blocking::is_blocked() {
        return None;
    }
    let handle = Handle::try_current().ok()?;
    let is_known =
        is_multi_thread(&handle) || handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
    is_known.then_some(handle)
}

fn is_multi_thread(runtime: &Handle) -> bool {
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread
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
