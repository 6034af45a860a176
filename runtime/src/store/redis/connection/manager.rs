//! A connection that is kept: made on demand, replaced when it breaks, never waited for long.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::attempt::{NewConnection, attempt};
use super::classify::Failure;
use super::refusal::Refusal;
use super::target::Target;
use super::{Connection, ServerNode, classify, topology};
use crate::error::{Error, ErrorKind};
use crate::rt::{background, backoff};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Hits are to return within three seconds of the server.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so many timeouts in a row the connection counts as dead: a half-open one never says so.
const MOST_TIMEOUTS: u32 = 3;

pub(crate) struct ConnectionManager {
    shared: Arc<SharedConnection>,
}

struct SharedConnection {
    target: Arc<Target>,
    /// Where the connection lives; `None` for the background thread.
    runtime: Option<Handle>,
    state: Mutex<ConnectionState>,
    /// Notified at the end of each attempt.
    attempted: Notify,
    timeouts: AtomicU32,
    field_ttl: AtomicBool,
    /// What the state says, for the calls, which ask often.
    is_up: AtomicBool,
    is_replacing: AtomicBool,
}

enum ConnectionState {
    /// Not asked for yet: the first callers wait for the connection, within their deadline.
    New,
    Connecting,
    Up(Connection, Generation),
    /// Calls fail at once, while one attempt follows another in the background. With the reason why the
    /// last attempt failed, if one has.
    Down(Option<Arc<Refusal>>),
    Closed,
}

/// Distinguishes a connection from those before it, whose errors do not concern it.
type Generation = u64;

impl ConnectionManager {
    pub(crate) fn new(target: Arc<Target>, runtime: Option<Handle>) -> Self {
        Self {
            shared: Arc::new(SharedConnection {
                target,
                runtime,
                state: Mutex::new(ConnectionState::New),
                attempted: Notify::new(),
                timeouts: AtomicU32::new(0),
                field_ttl: AtomicBool::new(false),
                is_up: AtomicBool::new(false),
                is_replacing: AtomicBool::new(false),
            }),
        }
    }

    /// Whether the server has `HPEXPIRE`, which each connection asks once.
    pub(crate) fn has_field_ttl(&self) -> bool {
        self.shared.field_ttl.load(Ordering::Relaxed)
    }

    pub(crate) async fn send(&self, cmd: &Cmd) -> Result<Value, Failure> {
        let (mut connection, generation) = self.connection().await?;
        let reply = connection.send(cmd).await;
        self.observe(generation, reply)
    }

    /// Sends commands on one slot together. They may be sent twice: where the connection turns out to be
    /// closed, as servers and balancers do with idle ones, they are sent again on the next.
    pub(crate) async fn send_all(&self, pipe: &redis::Pipeline) -> Result<Vec<Value>, Failure> {
        self.first_attempt().await;
        let (mut connection, generation) = self.connection().await?;
        let replies = connection.send_all(pipe).await;
        if !matches!(&replies, Err(error) if self.is_lost(error)) {
            return self.observe(generation, replies);
        }
        self.shared.on_disconnect(generation);
        self.first_attempt().await;
        let (mut connection, generation) = self.connection().await?;
        let replies = connection.send_all(pipe).await;
        self.observe(generation, replies)
    }

    /// Waits for the first attempt since the connection was lost, if it is under way.
    async fn first_attempt(&self) {
        if self.shared.is_up.load(Ordering::Relaxed) {
            return;
        }
        let mut attempted = pin!(self.shared.attempted.notified());
        attempted.as_mut().enable();
        let is_under_way = matches!(*self.shared.state(), ConnectionState::Down(None));
        if is_under_way {
            attempted.await;
        }
    }

    /// Whether there is a connection now. If it was not asked for yet, an attempt starts in the background.
    pub(crate) fn is_up(&self) -> bool {
        if self.shared.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let mut state = self.shared.state();
        if matches!(*state, ConnectionState::New) {
            self.shared.start(&mut state);
        }
        matches!(*state, ConnectionState::Up(..))
    }

    /// Waits until an attempt has been made, at most so long.
    pub(crate) async fn attempted(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.shared.attempted.notified()).await;
    }

    pub(crate) async fn send_to(&self, node: &ServerNode, cmd: Cmd) -> Result<Value, Error> {
        let (mut connection, generation) = self.connection().await?;
        let reply = connection.send_to(node, cmd).await;
        Ok(self.observe(generation, reply)?)
    }

    /// The nodes that together hold all keys.
    pub(crate) async fn nodes(&self) -> Result<Vec<ServerNode>, Error> {
        if !self.shared.target.is_cluster() {
            return Ok(vec![ServerNode::Only]);
        }
        let nodes = topology::primaries(&self.slots().await?);
        if nodes.is_empty() {
            return Err(Error::new(
                ErrorKind::Server,
                "the cluster names no primary",
            ));
        }
        Ok(nodes)
    }

    /// Which node of a cluster serves which slots.
    pub(crate) async fn slots(&self) -> Result<Value, Error> {
        Ok(self.send(redis::cmd("CLUSTER").arg("SLOTS")).await?)
    }

    /// A caller's deadline passed. A cluster's client has many connections, and most of them may be
    /// fine: there, a probe has it [replaced](Self::reconnect_in_background).
    pub(crate) fn timed_out(&self) {
        let shared = &self.shared;
        if shared.target.is_cluster() {
            return;
        }
        if shared.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_TIMEOUTS {
            self.reconnect_now();
        }
    }

    /// Drops the connection at once, and makes another one.
    pub(crate) fn reconnect_now(&self) {
        let generation = match &*self.shared.state() {
            ConnectionState::Up(_, generation) => *generation,
            _ => return,
        };
        self.shared.on_disconnect(generation);
    }

    /// Names the connections to the nodes of a cluster again: its client makes new ones by itself.
    pub(crate) async fn name_nodes(&self) {
        let connection = match &*self.shared.state() {
            ConnectionState::Up(connection, _) if self.shared.target.is_cluster() => {
                connection.clone()
            }
            _ => return,
        };
        let mut connection = connection;
        connection.set_name(&self.shared.target.client_name).await;
    }

    /// Makes another connection in the background, and uses this one until then.
    pub(crate) fn reconnect_in_background(&self) {
        if !self.shared.is_up.load(Ordering::Relaxed)
            || self.shared.is_replacing.swap(true, Ordering::SeqCst)
        {
            return;
        }
        let shared = self.shared.clone();
        self.shared.spawn(async move {
            if let Ok(connected) = attempt(&shared.target).await {
                shared.finish_attempt(Ok(connected));
            }
            shared.is_replacing.store(false, Ordering::SeqCst);
        });
    }

    /// Ensures that there is a connection, by an attempt of its own where the last one failed.
    pub(crate) async fn connect_now(&self) -> Result<(), Error> {
        match self.connection().await {
            Err(_) if !self.is_closed() => match attempt(&self.shared.target).await {
                Ok(connected) => {
                    self.shared.finish_attempt(Ok(connected));
                    Ok(())
                }
                Err(refusal) => Err(refusal.error()),
            },
            found => Ok(found.map(drop)?),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.shared.state(), ConnectionState::Closed)
    }

    pub(crate) fn close(&self) {
        let mut state = self.shared.state();
        self.shared.enter(&mut state, ConnectionState::Closed);
        self.shared.attempted.notify_waiters();
    }

    fn observe<T>(&self, generation: Generation, reply: RedisResult<T>) -> Result<T, Failure> {
        match &reply {
            Err(error) if error.is_timeout() => self.timed_out(),
            Err(error) if self.is_lost(error) => {
                self.shared.on_disconnect(generation);
                return Err(Failure::Reconnecting);
            }
            Err(error) if classify::is_end_of_connection(error) => self.reconnect_in_background(),
            _ => self.shared.timeouts.store(0, Ordering::Relaxed),
        }
        reply.map_err(Failure::Reply)
    }

    /// Whether the connection was lost. A cluster's client replaces its lost connections by itself.
    fn is_lost(&self, error: &RedisError) -> bool {
        classify::is_end_of_connection(error) && !self.shared.target.is_cluster()
    }

    async fn connection(&self) -> Result<(Connection, Generation), Failure> {
        if let ConnectionState::Up(connection, generation) = &*self.shared.state() {
            return Ok((connection.clone(), *generation));
        }
        let mut attempted = pin!(self.shared.attempted.notified());
        attempted.as_mut().enable();
        let waits = {
            let mut state = self.shared.state();
            if matches!(*state, ConnectionState::New) {
                self.shared.start(&mut state);
            }
            matches!(*state, ConnectionState::Connecting)
        };
        if waits {
            attempted.await;
        }
        match &*self.shared.state() {
            ConnectionState::Up(connection, generation) => Ok((connection.clone(), *generation)),
            ConnectionState::Down(Some(why)) => Err(Failure::Refused(why.clone())),
            ConnectionState::Closed => Err(Failure::Closed),
            _ => Err(Failure::Reconnecting),
        }
    }
}

impl SharedConnection {
    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, state: &mut ConnectionState, next: ConnectionState) {
        let is_up = matches!(next, ConnectionState::Up(..));
        *state = next;
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    /// The first attempt, for which callers wait.
    fn start(self: &Arc<Self>, state: &mut ConnectionState) {
        self.enter(state, ConnectionState::Connecting);
        self.spawn(connect(self.clone()));
    }

    /// The connection of this generation cannot be used any more.
    fn on_disconnect(self: &Arc<Self>, generation: Generation) {
        let mut state = self.state();
        if matches!(*state, ConnectionState::Up(_, current) if current == generation) {
            self.enter(&mut state, ConnectionState::Down(None));
            self.spawn(connect(self.clone()));
        }
    }

    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(task)),
            // Without the background thread there was no connection, and no call asks for one.
            None => drop(background::spawn(task)),
        }
    }

    /// Records the outcome of an attempt; `true` if no other is needed.
    fn finish_attempt(&self, attempted: Result<NewConnection, Refusal>) -> bool {
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        let mut state = self.state();
        let is_over = match (&*state, attempted) {
            (ConnectionState::Closed, _) | (ConnectionState::Up(..), Err(_)) => true,
            (_, Ok(connected)) => {
                let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
                let has_field_ttl = connected.has_field_ttl;
                self.field_ttl.store(has_field_ttl, Ordering::Relaxed);
                self.enter(
                    &mut state,
                    ConnectionState::Up(connected.connection, generation),
                );
                self.timeouts.store(0, Ordering::Relaxed);
                true
            }
            (_, Err(why)) => {
                // The runtime of a lane may have no sockets, and never will: then the background thread reads.
                let is_over = why.is_panic && self.runtime.is_some();
                self.enter(&mut state, ConnectionState::Down(Some(Arc::new(why))));
                is_over
            }
        };
        drop(state);
        self.attempted.notify_waiters();
        is_over
    }
}

/// One attempt after another until there is a connection, or none is wanted.
async fn connect(shared: Arc<SharedConnection>) {
    let mut longest = FIRST_PAUSE;
    let mut known = None;
    loop {
        let attempted = attempt(&shared.target).await;
        if let Err(refusal) = &attempted {
            // Where a lane's attempt fails, that of the background thread fails too, and is logged.
            let is_news = shared.runtime.is_none() && known.as_ref() != Some(&refusal.cause);
            report(refusal, is_news);
            known = Some(refusal.cause.clone());
        }
        if shared.finish_attempt(attempted) {
            return;
        }
        tokio::time::sleep(backoff::full_jitter(longest)).await;
        longest = (longest * 2).min(LONGEST_PAUSE);
    }
}

/// Each cause is logged once as a warning.
fn report(refusal: &Refusal, is_news: bool) {
    let endpoint = &refusal.server;
    if is_news {
        tracing::warn!(%endpoint, "redis-func-cache: {refusal}");
    } else {
        tracing::debug!(%endpoint, "redis-func-cache: still {refusal}");
    }
}

/// An attempt that is under way ends when it finds the connection closed.
impl Drop for ConnectionManager {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for ConnectionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.shared.state() {
            ConnectionState::New => "new",
            ConnectionState::Connecting => "connecting",
            ConnectionState::Up(..) => "up",
            ConnectionState::Down(_) => "down",
            ConnectionState::Closed => "closed",
        };
        f.debug_struct("ConnectionManager")
            .field("target", &self.shared.target)
            .field("state", &state)
            .finish()
    }
}
