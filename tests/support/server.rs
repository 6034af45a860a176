//! One private server.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs};

use redis::{Connection, FromRedisValue, RedisResult};

use crate::process::{Process, alive};
use crate::{Binary, binary, eventually, unique};

const START_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A private server on 127.0.0.1, ended when dropped.
#[derive(Debug)]
pub struct Server {
    binary: Binary,
    port: u16,
    directory: PathBuf,
    arguments: Vec<String>,
    process: Mutex<Option<Process>>,
}

impl Server {
    /// Starts the first server program found.
    pub fn start() -> Self {
        Self::start_on(&binary())
    }

    pub fn start_on(binary: &Binary) -> Self {
        Self::start_with(binary, &[])
    }

    /// Starts a server with more arguments, such as `["--maxmemory", "10mb"]`.
    pub fn start_with(binary: &Binary, extra_args: &[&str]) -> Self {
        Self::launch(binary, |port, _| {
            let mut arguments = data_arguments(binary, port);
            arguments.extend(extra_args.iter().map(ToString::to_string));
            arguments
        })
    }

    /// Starts a server with the arguments made from its port and its directory, trying other ports when one is taken.
    pub(super) fn launch(binary: &Binary, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let port = free_port();
            let directory = env::temp_dir().join(unique("redis-func-cache"));
            // Left by an earlier process of the same id, if it and its watchdogs were killed together.
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir(&directory).unwrap();
            let server = Self {
                binary: binary.clone(),
                port,
                arguments: arguments(port, &directory),
                directory,
                process: Mutex::new(None),
            };
            if server.try_run(deadline) {
                return server;
            }
        }
    }

    /// Runs the process until it answers; false when its port was taken.
    fn try_run(&self, deadline: Instant) -> bool {
        let process = Process::spawn(&self.binary.path, &self.arguments, &self.directory);
        while !self.answers(process.pid) {
            if alive(process.pid) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            process.kill();
            let _ = fs::remove_file(self.log());
            assert!(
                log.contains("Address already in use") && Instant::now() < deadline,
                "{} did not start with {:?}:\n{log}",
                self.binary,
                self.arguments
            );
            return false;
        }
        *self.process.lock().unwrap() = Some(process);
        true
    }

    /// Whether this very process answers: another program may have taken the port first.
    fn answers(&self, pid: u32) -> bool {
        let info = || -> RedisResult<String> {
            let mut connection = self.connect()?;
            redis::cmd("PING").exec(&mut connection)?;
            redis::cmd("INFO").arg("server").query(&mut connection)
        };
        info().is_ok_and(|info| info.lines().any(|line| line == format!("process_id:{pid}")))
    }

    fn connect(&self) -> RedisResult<Connection> {
        let client = redis::Client::open(self.url())?;
        loop {
            match client.get_connection_with_timeout(CONNECT_LIMIT) {
                // As may happen to what has a time limit. Reads have none, and are gone on with.
                Err(error) if error.to_string().contains("Interrupted system call") => {}
                connected => return connected,
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of the server's own process, not of its watchdog.
    pub fn pid(&self) -> u32 {
        self.with_process(|process| process.pid)
    }

    /// The server's own directory, with its `server.log`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn connection(&self) -> Connection {
        self.connect().unwrap()
    }

    /// Sends one command on a connection of its own.
    pub fn query<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_query(command).unwrap()
    }

    /// How many leases there are in a key of leases, beside the states of methods.
    pub fn leases_in(&self, key: &str) -> usize {
        let names: Vec<Vec<u8>> = self.query(&["HKEYS", key]);
        names.iter().filter(|name| name.len() == 20).count()
    }

    /// How many leases there are in all.
    pub fn leases(&self) -> usize {
        let keys = self.keys().into_iter().filter(|key| key.ends_with(":2"));
        keys.map(|key| self.leases_in(&key)).sum()
    }

    /// [`Server::query`] of a server which may be unavailable.
    pub fn try_query<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        redis::cmd(command[0])
            .arg(&command[1..])
            .query(&mut self.connect()?)
    }

    /// Every key but the lists of caches' pairs, sorted; bytes that are no UTF-8 are replaced.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.raw_keys();
        let others = keys.iter().filter(|key| !key.ends_with(b":pairs"));
        others
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .collect()
    }

    /// Every key, sorted.
    pub fn raw_keys(&self) -> BTreeSet<Vec<u8>> {
        let mut connection = self.connection();
        let mut keys = BTreeSet::new();
        let mut cursor = 0_u64;
        loop {
            let (next, page): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("COUNT")
                .arg(1000)
                .query(&mut connection)
                .unwrap();
            keys.extend(page);
            if next == 0 {
                return keys;
            }
            cursor = next;
        }
    }

    /// Ends the process at once, as a crash would; [`Server::restart`] starts it again.
    pub fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap().take() {
            process.kill();
        }
    }

    /// Suspends the process: connections stay open and nothing answers.
    pub fn stop(&self) {
        self.with_process(|process| {
            process.signal("STOP");
            eventually("the server is stopped", CONNECT_LIMIT, || {
                process.is_stopped()
            });
        });
    }

    /// Resumes the process after [`Server::stop`].
    pub fn cont(&self) {
        self.with_process(|process| process.signal("CONT"));
    }

    /// Starts the process again on the same port, without its data.
    pub fn restart(&self) {
        self.kill();
        let deadline = Instant::now() + START_LIMIT;
        while !self.try_run(deadline) {}
    }

    fn with_process<T>(&self, action: impl FnOnce(&Process) -> T) -> T {
        let process = self.process.lock().unwrap();
        action(process.as_ref().expect("the server was killed"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The arguments of a server that holds data.
pub(super) fn data_arguments(binary: &Binary, port: u16) -> Vec<String> {
    let port = port.to_string();
    let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1"];
    arguments.extend(["--save", "", "--appendonly", "no"]);
    if binary.version >= (7, 0, 0) {
        arguments.extend(["--enable-debug-command", "yes"]);
        arguments.extend(["--enable-protected-configs", "yes"]);
    }
    arguments.iter().map(ToString::to_string).collect()
}

/// A port that was free a moment ago, low enough for a cluster bus 10,000 above it.
pub(super) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if port <= u16::MAX - 10_000 {
            return port;
        }
    }
}
