//! The threads of a proxy: two that read and two that write for each connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use redis::io::tcp::socket2::SockRef;

use super::{Connection, Meddle, Part, Passed, Rule, Shared, Way};
use crate::frame;

impl Shared {
    pub(super) fn accept(self: Arc<Self>, listener: TcpListener) {
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
        let with = |work: fn(&Self, &Connection, &Sender<Part>), to: Sender<Part>| {
            let (shared, connection) = (self.clone(), connection.clone());
            thread::spawn(move || work(&shared, &connection, &to));
        };
        with(Self::read_client, to_server);
        with(Self::read_server, to_client);
        for (way, parts) in [(Way::Up, from_client), (Way::Down, from_server)] {
            let (shared, connection) = (self.clone(), connection.clone());
            thread::spawn(move || shared.write(&connection, way, &parts));
        }
    }

    fn read_client(&self, connection: &Connection, to: &Sender<Part>) {
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

    fn read_server(&self, connection: &Connection, to: &Sender<Part>) {
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
        // So that the client learns when all has been sent.
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
    /// The sockets are closed when the threads drop them, which sends a reset.
    pub(super) fn reset(&self) {
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
