//! A proxy in front of a server that can do to a connection what networks and bugs do.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use redis::io::tcp::socket2::SockRef;

use super::frame;

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
    /// Nothing passes any more, in either direction, and nobody is told.
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

    /// Connections that are open now are dead for ever, and nobody is told; new ones work.
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

    /// Sends bytes that nobody asked for to every client.
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

impl Shared {
    fn accept(self: Arc<Self>, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let mut listener = Some(listener);
        while !self.ended.load(Ordering::SeqCst) {
            let weather = self.weather.lock().unwrap().clone();
            if weather.refuse {
                listener = None;
            } else if listener.is_none() {
                // Fails while a connection of a client has the port, which ends soon.
                listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).ok();
                if let Some(listener) = &listener {
                    listener.set_nonblocking(true).unwrap();
                }
            }
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((client, _))) => {
                    self.connects.fetch_add(1, Ordering::SeqCst);
                    if weather.reset {
                        let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
                    } else {
                        self.connect(client);
                    }
                }
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let upstream = (Ipv4Addr::LOCALHOST, self.upstream.load(Ordering::SeqCst));
        let Ok(server) = TcpStream::connect(upstream) else {
            return;
        };
        client.set_nonblocking(false).unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (to_server, from_client) = mpsc::channel();
        let (to_client, from_server) = mpsc::channel();
        let connection = Arc::new(Connection {
            id: self.connects.load(Ordering::SeqCst),
            client,
            server,
            asked: Mutex::default(),
            abandoned: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            to_client: Mutex::new(Some(to_client.clone())),
        });
        self.open.lock().unwrap().push(connection.clone());
        let with = |work: fn(&Self, &Connection, Sender<Part>), to: Sender<Part>| {
            let (shared, connection) = (self.clone(), connection.clone());
            thread::spawn(move || work(&shared, &connection, to));
        };
        with(Self::read_client, to_server);
        with(Self::read_server, to_client);
        for (way, parts) in [(Way::Up, from_client), (Way::Down, from_server)] {
            let (shared, connection) = (self.clone(), connection.clone());
            thread::spawn(move || shared.write(&connection, way, &parts));
        }
    }

    fn read_client(&self, connection: &Connection, to: Sender<Part>) {
        read(&connection.client, |message| {
            let mut arguments = frame::arguments(&message);
            let command = String::from_utf8_lossy(&arguments.remove(0)).to_uppercase();
            connection.asked.lock().unwrap().push_back(command.clone());
            self.transcript.lock().unwrap().push(Passed {
                connection: connection.id,
                command,
                arguments,
            });
            to.send(self.part(Way::Up, message)).is_ok()
        });
    }

    fn read_server(&self, connection: &Connection, to: Sender<Part>) {
        let mut swapped: Option<(String, Vec<Vec<u8>>)> = None;
        read(&connection.server, |message| {
            if frame::is_push(&message) {
                return to.send(self.part(Way::Down, message)).is_ok();
            }
            let command = connection.asked.lock().unwrap().pop_front();
            let command = command.unwrap_or_default();
            let mut messages = vec![message];
            if let Some((wanted, mut held)) = swapped.take() {
                held.append(&mut messages);
                if wanted != "*" && wanted != command {
                    swapped = Some((wanted, held));
                    return true;
                }
                let last = held.len() - 1;
                held.swap(0, last);
                messages = held;
            } else if let Some((wanted, meddle)) = self.rule_for(&command) {
                match meddle {
                    Meddle::Drop => return true,
                    Meddle::Twice => messages.push(messages[0].clone()),
                    Meddle::Replace(bytes) => messages = vec![bytes],
                    Meddle::After(bytes) => messages.insert(0, bytes),
                    Meddle::Swap => {
                        swapped = Some((wanted, messages));
                        return true;
                    }
                }
            }
            let mut parts = messages.into_iter();
            parts.all(|message| to.send(self.part(Way::Down, message)).is_ok())
        });
        // So that the client is told when all has been sent.
        connection.to_client.lock().unwrap().take();
    }

    /// The rule that is next for a reply to this command.
    fn rule_for(&self, command: &str) -> Option<(String, Meddle)> {
        let mut rules = self.rules.lock().unwrap();
        let matching = |rule: &&mut Rule| rule.command == "*" || rule.command == command;
        let rule = rules
            .iter_mut()
            .filter(|rule| rule.times > 0)
            .find(matching)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        Some((rule.command.clone(), rule.meddle.clone()))
    }

    fn part(&self, way: Way, bytes: Vec<u8>) -> Part {
        let path = self.weather.lock().unwrap().path(way).clone();
        Part(Instant::now() + path.latency + jitter(path.jitter), bytes)
    }

    fn write(&self, connection: &Connection, way: Way, parts: &Receiver<Part>) {
        let mut to = match way {
            Way::Up => &connection.server,
            Way::Down => &connection.client,
        };
        while let Ok(Part(due, bytes)) = parts.recv() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if connection.abandoned.load(Ordering::SeqCst) {
                continue;
            }
            let (passes, slice) = self.passes(way, bytes.len());
            let pieces = if slice { 1 } else { bytes.len().max(1) };
            let sent = bytes[..passes]
                .chunks(pieces)
                .all(|piece| to.write_all(piece).is_ok());
            if passes < bytes.len() || !sent {
                break;
            }
        }
        if connection.abandoned.load(Ordering::SeqCst) {
            return;
        }
        self.forget(connection);
        if !connection.reset.load(Ordering::SeqCst) {
            connection.shutdown(Shutdown::Both);
        }
    }

    /// Waits while nothing may pass; then how many of so many bytes may, and whether one by one.
    fn passes(&self, way: Way, bytes: usize) -> (usize, bool) {
        let weather = self.weather.lock().unwrap();
        let mut weather = self
            .changed
            .wait_while(weather, |weather| weather.path(way).hole)
            .unwrap();
        let path = weather.path(way);
        let passes = path.cut.map_or(bytes, |left| left.min(bytes));
        path.cut = match path.cut {
            Some(left) if left < bytes => None,
            left => left.map(|left| left - bytes),
        };
        (passes, path.slice)
    }

    fn forget(&self, connection: &Connection) {
        let mut open = self.open.lock().unwrap();
        open.retain(|other| other.id != connection.id);
    }
}

impl Connection {
    /// The sockets are closed when the threads let go of them, and say so by a reset.
    fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
        for stream in [&self.client, &self.server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.to_client.lock().unwrap().take();
        self.shutdown(Shutdown::Read);
    }

    fn shutdown(&self, how: Shutdown) {
        let _ = self.client.shutdown(how);
        let _ = self.server.shutdown(how);
    }
}

/// Reads whole messages until the end, or until `each` has had enough.
fn read(mut from: &TcpStream, mut each: impl FnMut(Vec<u8>) -> bool) {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(more) = from.read(&mut chunk) {
        if more == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..more]);
        while let Some(length) = frame::length(&bytes) {
            let rest = bytes.split_off(length);
            if !each(std::mem::replace(&mut bytes, rest)) {
                return;
            }
        }
    }
}

fn jitter(most: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8);
    most.mul_f64(f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX))
}
