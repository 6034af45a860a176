//! The one connection of a store: made on demand, replaced when it breaks, never waited for long.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::sync::watch;

use super::{Connection, Node, Reply, Target, fault};
use crate::error::{Error, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so many time-outs in a row the connection counts as dead: a half-open one never says so.
const SILENCE: u32 = 3;
const AFTER_SILENCE: Duration = Duration::from_secs(1);

pub(super) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    target: Arc<Target>,
    state: Mutex<State>,
    timeouts: AtomicU32,
    field_ttl: AtomicBool,
    /// What the state says, for those who ask often.
    is_up: AtomicBool,
}

enum State {
    /// Nobody has asked yet: the first callers wait for the connection, within their deadline.
    New,
    Connecting(watch::Receiver<()>),
    Up(Connection),
    /// Callers are turned away at once. After `until`, the next one starts an attempt behind.
    Down {
        until: Instant,
        pause: Duration,
        trying: bool,
    },
    Closed,
}

impl Link {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self {
            shared: Arc::new(Shared {
                target,
                state: Mutex::new(State::New),
                timeouts: AtomicU32::new(0),
                field_ttl: AtomicBool::new(false),
                is_up: AtomicBool::new(false),
            }),
        }
    }

    /// Whether the server has `HPEXPIRE`: asked once per connection.
    pub(super) fn has_field_ttl(&self) -> bool {
        self.shared.field_ttl.load(Ordering::Relaxed)
    }

    pub(super) async fn send(&self, cmd: &Cmd) -> Reply {
        let mut connection = self.connection().await?;
        let reply = connection.send(cmd).await;
        self.heard(reply.as_ref().map(|_| ()));
        reply
    }

    /// Sends commands on one slot together.
    pub(super) async fn send_all(&self, pipe: &redis::Pipeline) -> redis::RedisResult<Vec<Value>> {
        let mut connection = self.connection().await?;
        let replies = connection.send_all(pipe).await;
        self.heard(replies.as_ref().map(|_| ()));
        replies
    }

    /// Whether there is a connection now. If there is none, an attempt starts behind.
    pub(super) fn is_up(&self) -> bool {
        if self.shared.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let mut state = self.shared.state();
        match &mut *state {
            State::Up(_) => return true,
            State::New => drop(self.start(&mut state)),
            State::Down { .. } => self.try_again(&mut state),
            State::Connecting(_) | State::Closed => {}
        }
        false
    }

    pub(super) async fn send_to(&self, node: &Node, cmd: Cmd) -> Result<Value, Error> {
        let connection = self.connection().await;
        let reply = match (connection, node) {
            (Err(error), _) => Err(error),
            (Ok(mut connection), Node::Only) => connection.send(&cmd).await,
            #[cfg(feature = "cluster")]
            (Ok(mut connection), Node::At { host, port }) => match &mut connection {
                Connection::One(_) => connection.send(&cmd).await,
                Connection::Cluster(cluster) => {
                    use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
                    let (host, port) = (host.clone(), *port);
                    let to =
                        RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
                    cluster
                        .route_command(cmd, to)
                        .await
                        .and_then(Value::extract_error)
                }
            },
        };
        self.heard(reply.as_ref().map(|_| ()));
        reply.map_err(|error| fault::error(&error))
    }

    /// The nodes that together hold all keys.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>, Error> {
        match self
            .connection()
            .await
            .map_err(|error| fault::error(&error))?
        {
            Connection::One(_) => Ok(vec![Node::Only]),
            #[cfg(feature = "cluster")]
            Connection::Cluster(_) => {
                let slots = self.send(redis::cmd("CLUSTER").arg("SLOTS")).await;
                let nodes = primaries(&slots.map_err(|error| fault::error(&error))?);
                if nodes.is_empty() {
                    return Err(Error::new(
                        ErrorKind::Server,
                        "the cluster names no primary",
                    ));
                }
                Ok(nodes)
            }
        }
    }

    /// A caller's deadline passed.
    pub(super) fn timed_out(&self) {
        if self.shared.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= SILENCE {
            self.shared.down(AFTER_SILENCE);
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.shared.state();
        self.shared.enter(&mut state, State::Closed);
    }

    fn heard(&self, reply: Result<(), &redis::RedisError>) {
        match reply {
            Err(error) if error.is_timeout() => self.timed_out(),
            Err(error) if fault::is_end_of_connection(error) => self.shared.down(Duration::ZERO),
            _ => self.shared.timeouts.store(0, Ordering::Relaxed),
        }
    }

    async fn connection(&self) -> redis::RedisResult<Connection> {
        let mut connected = {
            let mut state = self.shared.state();
            match &mut *state {
                State::Up(connection) => return Ok(connection.clone()),
                State::Closed => return Err(refused("the cache is closed")),
                State::Down { .. } => {
                    self.try_again(&mut state);
                    return Err(refused("the store is not connected"));
                }
                State::Connecting(connected) => connected.clone(),
                State::New => self.start(&mut state),
            }
        };
        // An error here means that the attempt is over, which is what we wait for.
        let _ = connected.changed().await;
        match &*self.shared.state() {
            State::Up(connection) => Ok(connection.clone()),
            _ => Err(refused("the store cannot be reached")),
        }
    }
}

impl Link {
    /// The first attempt, for which callers wait.
    fn start(&self, state: &mut State) -> watch::Receiver<()> {
        let (tell, connected) = watch::channel(());
        *state = State::Connecting(connected.clone());
        tokio::spawn(connect(self.shared.clone(), FIRST_PAUSE, Some(tell)));
        connected
    }

    /// Another attempt, if it is time for one.
    fn try_again(&self, state: &mut State) {
        let State::Down {
            until,
            pause,
            trying,
        } = state
        else {
            return;
        };
        if !*trying && Instant::now() >= *until {
            *trying = true;
            tokio::spawn(connect(self.shared.clone(), *pause, None));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, state: &mut State, next: State) {
        let is_up = matches!(next, State::Up(_));
        *state = next;
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    /// Gives the connection up; the next attempt may start after `wait`.
    fn down(&self, wait: Duration) {
        let mut state = self.state();
        if matches!(*state, State::Up(_)) {
            let down = State::Down {
                until: Instant::now() + wait,
                pause: FIRST_PAUSE,
                trying: false,
            };
            self.enter(&mut state, down);
        }
        self.timeouts.store(0, Ordering::Relaxed);
    }
}

/// One attempt. `tell` is dropped at its end, which wakes those who wait.
async fn connect(shared: Arc<Shared>, pause: Duration, tell: Option<watch::Sender<()>>) {
    let attempt = shared.target.connect().await;
    let next = match attempt {
        Ok(mut connection) => {
            let answer = connection
                .send(redis::cmd("COMMAND").arg("INFO").arg("HPEXPIRE"))
                .await;
            shared
                .field_ttl
                .store(knows_command(answer), Ordering::Relaxed);
            State::Up(connection)
        }
        Err(error) => {
            tracing::warn!(
                error = error.category(),
                "redis-func-cache: cannot connect to the store"
            );
            State::Down {
                until: Instant::now() + pause,
                pause: (pause * 2).min(LONGEST_PAUSE),
                trying: false,
            }
        }
    };
    let mut state = shared.state();
    if !matches!(*state, State::Closed) {
        shared.enter(&mut state, next);
    }
    drop(state);
    drop(tell);
}

fn knows_command(answer: Reply) -> bool {
    match answer {
        Ok(Value::Array(commands)) => matches!(commands.first(), Some(Value::Array(_))),
        Ok(Value::Map(commands)) => !commands.is_empty(),
        _ => false,
    }
}

#[cfg(feature = "cluster")]
fn primaries(slots: &Value) -> Vec<Node> {
    let Value::Array(ranges) = slots else {
        return Vec::new();
    };
    let mut found = std::collections::BTreeSet::new();
    for range in ranges {
        let Value::Array(range) = range else { continue };
        let Some(Value::Array(primary)) = range.get(2) else {
            continue;
        };
        if let (Some(Value::BulkString(host)), Some(Value::Int(port))) =
            (primary.first(), primary.get(1))
        {
            found.insert((String::from_utf8_lossy(host).into_owned(), *port));
        }
    }
    let nodes = found.into_iter().filter_map(|(host, port)| {
        let port = u16::try_from(port).ok()?;
        Some(Node::At { host, port })
    });
    nodes.collect()
}

fn refused(why: &'static str) -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Io, why))
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.shared.state() {
            State::New => "new",
            State::Connecting(_) => "connecting",
            State::Up(_) => "up",
            State::Down { .. } => "down",
            State::Closed => "closed",
        };
        f.debug_struct("Link")
            .field("target", &self.shared.target)
            .field("state", &state)
            .finish()
    }
}
