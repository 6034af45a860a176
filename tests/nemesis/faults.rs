//! What breaks and heals a server and its clients, in an order that a seed decides.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::history::{Fault, now_us};
use support::Server;
use support::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// Killed, and started again without its data.
    Killed,
    /// Standing still, with all connections open.
    Stopped,
    Paused,
    PausedForWrites,
    ScriptsFlushed,
    Flushed,
    ConnectionsCut,
    /// Out of memory: writes are refused.
    Full,
    /// A replica without a primary: writes are refused.
    ReadOnly,
    /// One key of each pair is gone.
    Torn,
    /// Entries are in the place of others.
    Swapped,
}

const BROKEN: [Broken; 11] = [
    Broken::Killed,
    Broken::Stopped,
    Broken::Paused,
    Broken::PausedForWrites,
    Broken::ScriptsFlushed,
    Broken::Flushed,
    Broken::ConnectionsCut,
    Broken::Full,
    Broken::ReadOnly,
    Broken::Torn,
    Broken::Swapped,
];

/// What can be done to a client process from outside.
pub trait Clients {
    /// Number and id of one that runs.
    fn pick(&mut self, random: &mut Random) -> (u32, u32);
    fn replace(&mut self, process: u32);
}

/// Breaks and heals until the time has come, and leaves everything whole.
pub fn rage(
    server: &Server,
    clients: &mut impl Clients,
    until_us: u64,
    random: &mut Random,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Every one has its turn, in an order of its own.
    let mut due: Vec<Broken> = Vec::new();
    while now_us() < until_us {
        sleep(Duration::from_millis(50 + random.draw() % 300));
        if due.is_empty() {
            due = BROKEN.to_vec();
        }
        let next = usize::try_from(random.draw()).unwrap_or(0) % due.len();
        let broken = due.swap_remove(next);
        let holds = Duration::from_millis(50 + random.draw() % 700);
        let mut fault = Fault {
            name: format!("{broken:?}"),
            from_us: now_us(),
            until_us: 0,
            delays: matches!(
                broken,
                Broken::Stopped | Broken::Paused | Broken::PausedForWrites
            ),
            loses: matches!(broken, Broken::Killed | Broken::Flushed | Broken::Swapped),
            process: None,
            kills: false,
        };
        broken.begin(server, holds, random);
        let client = (random.draw().is_multiple_of(2)).then(|| break_client(clients, random));
        sleep(holds);
        // In either order: what was broken last may be healed last.
        if random.draw().is_multiple_of(2) {
            broken.heal(server);
            fault.until_us = now_us();
            faults.extend(client.map(|client| heal_client(client, clients)));
        } else {
            faults.extend(client.map(|client| heal_client(client, clients)));
            broken.heal(server);
            fault.until_us = now_us();
        }
        faults.push(fault);
    }
    faults
}

impl Broken {
    fn begin(self, server: &Server, holds: Duration, random: &mut Random) {
        let holds_ms = holds.as_millis().to_string();
        match self {
            Self::Killed => server.kill(),
            Self::Stopped => server.stop(),
            Self::Paused => server.query(&["CLIENT", "PAUSE", &holds_ms, "ALL"]),
            Self::PausedForWrites => server.query(&["CLIENT", "PAUSE", &holds_ms, "WRITE"]),
            Self::ScriptsFlushed => server.query(&["SCRIPT", "FLUSH"]),
            Self::Flushed => server.query(&["FLUSHALL"]),
            Self::ConnectionsCut => {
                let _: u64 = server.query(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            }
            Self::Full => server.query(&["CONFIG", "SET", "maxmemory", "1"]),
            Self::ReadOnly => server.query(&["REPLICAOF", "127.0.0.1", "1"]),
            Self::Swapped => swap(server),
            Self::Torn => {
                let lost = if random.draw().is_multiple_of(2) {
                    ":0"
                } else {
                    ":1"
                };
                for key in server.keys().iter().filter(|key| key.ends_with(lost)) {
                    let _: u64 = server.query(&["DEL", key]);
                }
            }
        }
    }

    fn heal(self, server: &Server) {
        match self {
            Self::Killed => server.restart(),
            Self::Stopped => server.cont(),
            Self::Full => server.query(&["CONFIG", "SET", "maxmemory", "0"]),
            Self::ReadOnly => server.query(&["REPLICAOF", "NO", "ONE"]),
            Self::Paused
            | Self::PausedForWrites
            | Self::ScriptsFlushed
            | Self::Flushed
            | Self::ConnectionsCut
            | Self::Torn
            | Self::Swapped => {}
        }
    }
}

/// Moves every entry of a pair to the next one's field.
fn swap(server: &Server) {
    let mut connection = server.connection();
    for key in server.keys().iter().filter(|key| key.ends_with(":1")) {
        let all: Vec<(Vec<u8>, Vec<u8>)> = redis::cmd("HGETALL")
            .arg(key)
            .query(&mut connection)
            .unwrap();
        let fields = all.iter().map(|(field, _)| field);
        let entries = all.iter().map(|(_, entry)| entry);
        for (field, entry) in fields.cycle().skip(1).zip(entries) {
            let mut hset = redis::cmd("HSET");
            let hset = hset.arg(key).arg(field).arg(entry);
            hset.exec(&mut connection).unwrap();
        }
    }
}

fn break_client(clients: &mut impl Clients, random: &mut Random) -> (Fault, u32) {
    let (process, pid) = clients.pick(random);
    let kills = random.draw().is_multiple_of(3);
    let fault = Fault {
        name: if kills {
            "ClientKilled"
        } else {
            "ClientStopped"
        }
        .to_owned(),
        from_us: now_us(),
        until_us: 0,
        // What it had sent or was about to send comes late.
        delays: !kills,
        loses: false,
        process: Some(process),
        kills,
    };
    signal(pid, if kills { Signal::KILL } else { Signal::STOP });
    (fault, pid)
}

fn heal_client((mut fault, pid): (Fault, u32), clients: &mut impl Clients) -> Fault {
    match fault.process {
        Some(process) if fault.kills => clients.replace(process),
        _ => signal(pid, Signal::CONT),
    }
    fault.until_us = now_us();
    fault
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}
