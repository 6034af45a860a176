//! A proxy in front of a server that can do to a connection what networks and bugs do.

mod pump;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Which direction a fault is in: `Up` is from the client to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// What is done with a reply.
#[derive(Debug, Clone)]
pub enum Meddle {
    Drop,
    Twice,
    Replace(Vec<u8>),
    /// These bytes come first.
    After(Vec<u8>),
    /// It changes places with the next reply to the same command.
    Swap,
}

/// One command that passed, for [`Proxy::transcript`].
#[derive(Debug, Clone)]
pub struct Passed {
    pub connection: u64,
    /// In upper case.
    pub command: String,
    pub arguments: Vec<Vec<u8>>,
}

/// Understands the Redis protocol, so faults can be named by commands and replies. Threads of its own serve it:
/// a test that blocks its runtime does not block its proxy.
pub struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    port: u16,
    upstream: AtomicU16,
    weather: Mutex<Weather>,
    changed: Condvar,
    rules: Mutex<Vec<Rule>>,
    open: Mutex<Vec<Arc<Connection>>>,
    transcript: Mutex<Vec<Passed>>,
    connects: AtomicU64,
    ended: AtomicBool,
}

#[derive(Debug, Default, Clone)]
struct Weather {
    refuse: bool,
    reset: bool,
    up: Path,
    down: Path,
}

#[derive(Debug, Default, Clone)]
struct Path {
    hole: bool,
    latency: Duration,
    jitter: Duration,
    slice: bool,
    /// Bytes that still pass before the connection is cut.
    cut: Option<usize>,
}

impl Weather {
    fn path(&mut self, way: Way) -> &mut Path {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

#[derive(Debug)]
struct Rule {
    command: String,
    /// Replies to let pass before.
    skip: usize,
    times: usize,
    meddle: Meddle,
}

struct Connection {
    id: u64,
    client: TcpStream,
    server: TcpStream,
    /// Commands whose replies are to come.
    asked: Mutex<VecDeque<String>>,
    /// Nothing passes any more, in either direction, without a sign of it.
    abandoned: AtomicBool,
    /// Ends with a reset instead of a farewell.
    reset: AtomicBool,
    to_client: Mutex<Option<Sender<Part>>>,
}

/// Bytes on their way, and when they may arrive.
struct Part(Instant, Vec<u8>);

impl Proxy {
    /// Starts a proxy in front of a port of this machine.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let shared = Arc::new(Shared {
            port: listener.local_addr().unwrap().port(),
            upstream: AtomicU16::new(upstream),
            ..Shared::default()
        });
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(listener));
        Self { shared }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.shared.port)
    }

    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// Connections from now on go to another server.
    pub fn redirect(&self, upstream: u16) {
        self.shared.upstream.store(upstream, Ordering::SeqCst);
    }

    /// As if nothing listened: connections are reset, and new ones refused.
    pub fn refuse(&self) {
        self.weather(|weather| weather.refuse = true);
        self.reset();
    }

    /// Resets every connection that is open.
    pub fn reset(&self) {
        for connection in self.shared.open.lock().unwrap().drain(..) {
            connection.reset();
        }
    }

    /// Resets each new connection as soon as it is accepted, too.
    pub fn reset_all(&self) {
        self.weather(|weather| weather.reset = true);
        self.reset();
    }

    /// Nothing passes, until [`heal`](Self::heal) lets through what has waited.
    pub fn black_hole(&self, ways: &[Way]) {
        for &way in ways {
            self.weather(|weather| weather.path(way).hole = true);
        }
    }

    /// Connections that are open now are dead for ever, without a sign of it; new ones work.
    pub fn abandon(&self) {
        for connection in self.shared.open.lock().unwrap().drain(..) {
            connection.abandoned.store(true, Ordering::SeqCst);
        }
    }

    /// Everything takes longer, by `latency` and up to `jitter` more. The order stays.
    pub fn delay(&self, way: Way, latency: Duration, jitter: Duration) {
        self.weather(|weather| {
            let path = weather.path(way);
            (path.latency, path.jitter) = (latency, jitter);
        });
    }

    /// Sends each byte by itself.
    pub fn slice(&self, way: Way) {
        self.weather(|weather| weather.path(way).slice = true);
    }

    /// Lets `bytes` more bytes pass, then closes the connection that the next one is for; once.
    pub fn cut(&self, way: Way, bytes: usize) {
        self.weather(|weather| weather.path(way).cut = Some(bytes));
    }

    /// Ends every fault of the network; rules for replies stay. What a black hole held back goes on.
    pub fn heal(&self) {
        self.weather(|weather| *weather = Weather::default());
    }

    /// Meddles with `times` replies to a command (`*` for any), after `skip` of them.
    pub fn meddle(&self, command: &str, skip: usize, times: usize, meddle: Meddle) {
        self.shared.rules.lock().unwrap().push(Rule {
            command: command.to_owned(),
            skip,
            times,
            meddle,
        });
    }

    /// Replies as they are, from now on.
    pub fn leave_replies_alone(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// Sends bytes that were not asked for to every client.
    pub fn inject(&self, bytes: &[u8]) {
        for connection in self.shared.open.lock().unwrap().iter() {
            if let Some(to_client) = &*connection.to_client.lock().unwrap() {
                let _ = to_client.send(Part(Instant::now(), bytes.to_vec()));
            }
        }
    }

    /// How many connections have been made.
    pub fn connects(&self) -> u64 {
        self.shared.connects.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.open.lock().unwrap().len()
    }

    /// How often a command has passed upwards.
    pub fn count(&self, command: &str) -> usize {
        let transcript = self.shared.transcript.lock().unwrap();
        transcript
            .iter()
            .filter(|passed| passed.command == command)
            .count()
    }

    /// Every command so far, as it came.
    pub fn transcript(&self) -> Vec<Passed> {
        self.shared.transcript.lock().unwrap().clone()
    }

    fn weather(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.shared.weather.lock().unwrap());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.weather(|weather| *weather = Weather::default());
        self.reset();
    }
}
