//! Connections on the runtimes of callers, for reads.
//!
//! The [`background`](crate::rt::background) serves everybody, but each answer crosses from its thread to the
//! caller's, which costs more than the read itself. So a multi-thread runtime that reads gets a
//! connection of its own. It is made behind, used only while it is up, and only by those who are
//! polled by that runtime: a thread that blocks may be the one that the connection needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::oneshot;

use super::Queue;
use super::pipeline::{PipelinesBySize, Query, Ticket};
use crate::error::Error;
use crate::rt::{background, blocking};
use crate::store::redis::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::pair_state::PairState;

/// How often somebody looks for callers whose time is over.
const TICK: Duration = Duration::from_millis(25);
/// After so many ticks without a call nobody looks any more.
const IDLE: u32 = 40;

/// The lanes of a store, by their runtime.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Never that of another store, as an address might be.
    store: u64,
    open: Open,
    watched: AtomicBool,
    closed: AtomicBool,
}

type Open = Arc<Mutex<HashMap<Id, Arc<Lane>>>>;

/// A connection that lives on a runtime of the callers.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: Id,
    pub(crate) transport: Transport,
    /// By the address of what they belong to, which lives as long as the store.
    queues: Mutex<HashMap<usize, Arc<Queue>>>,
    /// Dropped with the lane, which ends the task that watches for the end of the runtime.
    _in_use: oneshot::Sender<()>,
}

/// How a lane reaches the store.
#[derive(Debug)]
pub(crate) enum Transport {
    Pipeline(PipelinesBySize),
    /// Through the redis crate: for clusters, and for TLS.
    Manager(ConnectionManager),
}

thread_local! {
    /// The store and the lane of the last task that read here: a look-up by the runtime would write
    /// to memory that all its threads write to.
    static HERE: RefCell<Option<(u64, Arc<Lane>)>> = const { RefCell::new(None) };
}

impl Default for Lanes {
    fn default() -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        Self {
            store: STORES.fetch_add(1, Ordering::Relaxed),
            open: Open::default(),
            watched: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // Threads may still remember a lane.
        self.close();
    }
}

impl Lanes {
    /// A seat in the pipeline that tasks on this thread have used before.
    pub(crate) fn enqueue(&self, ask: &Query<'_>, waker: &Waker) -> Option<Result<Ticket, Error>> {
        // Another runtime may be at work on this thread, but not in a task of it.
        if blocking::is_blocked() || tokio::task::try_id().is_none() {
            return None;
        }
        HERE.with_borrow(|here| match here {
            Some((store, lane)) if *store == self.store => match &lane.transport {
                Transport::Pipeline(pipeline) => pipeline.enqueue(ask, waker),
                Transport::Manager(_) => None,
            },
            _ => None,
        })
    }

    /// The lane of the runtime that polls the caller, if it can be used now, and who waits there
    /// for the pair.
    pub(crate) fn here(
        &self,
        client: &Arc<Client>,
        shared: &Arc<PairState>,
    ) -> Option<(Arc<Lane>, Arc<Queue>)> {
        if blocking::is_blocked() || self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let handle = Handle::try_current().ok()?;
        if handle.runtime_flavor() != RuntimeFlavor::MultiThread {
            return None;
        }
        let id = handle.id();
        let first = shared.first_lane.get();
        let first = first.filter(|(first, ..)| *first == id);
        let first = first.and_then(|(_, lane, queue)| Some((lane.upgrade()?, queue.clone())));
        let (lane, queue) = first.unwrap_or_else(|| {
            let known = self.lanes().get(&id).cloned();
            let lane = known.unwrap_or_else(|| self.open(id, &handle, client));
            let queue = lane.queue(shared);
            let _ = shared
                .first_lane
                .set((id, Arc::downgrade(&lane), queue.clone()));
            (lane, queue)
        });
        let is_up = match &lane.transport {
            Transport::Pipeline(pipeline) => {
                if tokio::task::try_id().is_some() {
                    HERE.set(Some((self.store, lane.clone())));
                }
                pipeline.is_up(&handle)
            }
            Transport::Manager(connection) => connection.is_up(),
        };
        is_up.then_some((lane, queue))
    }

    fn open(&self, id: Id, handle: &Handle, client: &Arc<Client>) -> Arc<Lane> {
        let (in_use, ended) = oneshot::channel();
        let lane = Arc::new(Lane {
            id,
            transport: if client.target.is_plain() {
                Transport::Pipeline(PipelinesBySize::new(client))
            } else {
                Transport::Manager(ConnectionManager::new(
                    client.target.clone(),
                    Some(handle.clone()),
                ))
            },
            queues: Mutex::default(),
            _in_use: in_use,
        });
        let mut lanes = self.lanes();
        if let Some(first) = lanes.get(&id) {
            return first.clone();
        }
        lanes.insert(id, lane.clone());
        let closing = Closing(Arc::downgrade(&self.open), id);
        // A runtime that shuts down drops its tasks, and the lane goes with it.
        handle.spawn(async move {
            let _closing = closing;
            let _ = ended.await;
        });
        lane
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for lane in self.lanes().values() {
            match &lane.transport {
                Transport::Pipeline(pipeline) => pipeline.close(),
                Transport::Manager(connection) => connection.close(),
            }
        }
    }

    /// Has all lanes connect anew: what they are connected to is not what it was.
    pub(crate) fn reconnect(&self) {
        for lane in self.lanes().values() {
            match &lane.transport {
                Transport::Pipeline(pipeline) => pipeline.reconnect_now(),
                Transport::Manager(connection) => connection.reconnect_in_background(),
            }
        }
    }

    pub(crate) fn each(&self, act: impl Fn(&ConnectionManager)) {
        let lanes: Vec<_> = self.lanes().values().cloned().collect();
        for lane in lanes {
            if let Transport::Manager(connection) = &lane.transport {
                act(connection);
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Id, Arc<Lane>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that no call waits beyond its time, even where all threads of its runtime are
    /// blocked and its timers with them: the driver looks.
    pub(crate) fn watch(&self, client: &Arc<Client>) {
        if self.watched.load(Ordering::Relaxed) || self.watched.swap(true, Ordering::SeqCst) {
            return;
        }
        let client = Arc::downgrade(client);
        // Without a driver there is no thread to be had, and calls go on unwatched.
        let _ = background::spawn(async move {
            let mut idle = 0;
            loop {
                tokio::time::sleep(TICK).await;
                let Some(client) = client.upgrade() else {
                    return;
                };
                let busy = client.lanes.expire_waiters();
                idle = if busy { 0 } else { idle + 1 };
                if idle < IDLE {
                    continue;
                }
                client.lanes.watched.store(false, Ordering::SeqCst);
                // Who came before that was stored relies on this watch.
                if !client.lanes.expire_waiters()
                    || client.lanes.watched.swap(true, Ordering::SeqCst)
                {
                    return;
                }
                idle = 0;
            }
        });
    }

    /// Sends away whose time is over; returns whether anybody is on his way.
    fn expire_waiters(&self) -> bool {
        let lanes: Vec<_> = self.lanes().values().cloned().collect();
        let now = Instant::now();
        let mut busy = false;
        for lane in lanes {
            let connection = match &lane.transport {
                Transport::Pipeline(pipeline) => {
                    busy |= pipeline.expire_waiters(now);
                    continue;
                }
                Transport::Manager(connection) => connection,
            };
            for queue in lane.all_queues() {
                let (late, left) = queue.expire_waiters(now);
                busy |= left;
                if late {
                    connection.timed_out();
                }
            }
        }
        busy
    }
}

impl Lane {
    pub(crate) fn connection(&self) -> Option<&ConnectionManager> {
        match &self.transport {
            Transport::Manager(connection) => Some(connection),
            Transport::Pipeline(_) => None,
        }
    }

    pub(crate) fn queue(&self, shared: &Arc<PairState>) -> Arc<Queue> {
        let address = Arc::as_ptr(shared).addr();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(address).or_default().clone()
    }

    fn all_queues(&self) -> Vec<Arc<Queue>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.values().cloned().collect()
    }
}

struct Closing(Weak<Mutex<HashMap<Id, Arc<Lane>>>>, Id);

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(lanes) = self.0.upgrade() else {
            return;
        };
        let lane = {
            let mut lanes = lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.remove(&self.1)
        };
        // Its own drops are not to happen under the lock.
        drop(lane);
    }
}
