//! States in which a server is up and of little use, or down.

use std::fs;
use std::thread;
use std::time::Duration;

use redis::{Connection, RedisResult};

use crate::{Server, eventually};

const LIMIT: Duration = Duration::from_secs(10);

/// Something that is wrong with a server.
#[derive(Clone, Copy)]
pub struct Trouble {
    pub name: &'static str,
    /// Brings it about; what is returned ends it.
    pub begin: fn(&Server) -> End,
}

pub type End = Box<dyn FnOnce(&Server) + Send>;

fn end(end: impl FnOnce(&Server) + Send + 'static) -> End {
    Box::new(end)
}

fn set(server: &Server, name: &str, value: &str) {
    let _: () = server.query(&["CONFIG", "SET", name, value]);
}

/// The user whose permissions change; [`url`] connects as it.
const USER: &str = "cache";
const PASSWORD: &str = ">canary-password";

/// Makes the user, and returns the URL that connects as it.
pub fn url(server: &Server, port: u16) -> String {
    acl(server, &["on", PASSWORD, "~*", "&*", "+@all"]);
    format!("redis://{USER}:{}@127.0.0.1:{port}", &PASSWORD[1..])
}

fn acl(server: &Server, rules: &[&str]) {
    let command = [&["ACL", "SETUSER", USER], rules].concat();
    let _: () = server.query(&command);
}

pub fn kill_clients(server: &Server) {
    let _: u64 = server.query(&["CLIENT", "KILL", "TYPE", "normal"]);
}

pub const KILLED: Trouble = Trouble {
    name: "killed, and started without its data",
    begin: |server| {
        server.kill();
        end(|server| {
            server.restart();
            acl(server, &["on", PASSWORD, "~*", "&*", "+@all"]);
        })
    },
};

pub const FROZEN: Trouble = Trouble {
    name: "frozen",
    begin: |server| {
        server.stop();
        end(Server::cont)
    },
};

pub const PAUSED: Trouble = Trouble {
    name: "paused",
    begin: |server| {
        let _: () = server.query(&["CLIENT", "PAUSE", "2500", "ALL"]);
        // Every client waits for the end of it.
        end(|server| server.query(&["PING"]))
    },
};

pub const LOADING: Trouble = Trouble {
    name: "loading",
    begin: |server| {
        let often = [
            "CONFIG",
            "SET",
            "loading-process-events-interval-bytes",
            "1024",
        ];
        // Before 7.0 a server that loads answers after each 2 MB, and its delay cannot be ended.
        let (keys, size, delay_us) = match server.try_query::<()>(&often) {
            Ok(()) => ("20000", "8", "1000"),
            Err(_) => ("1000", "131072", "5000"),
        };
        set(server, "rdbcompression", "no");
        let _: () = server.query(&["DEBUG", "POPULATE", keys, "ballast", size]);
        let _: () = server.query(&["SAVE"]);
        set(server, "key-load-delay", delay_us);
        let reloads = in_background(server, &["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"]);
        eventually("the server is loading", LIMIT, || fails(server, "LOADING"));
        end(move |server| {
            let _ = server.try_query::<()>(&["CONFIG", "SET", "key-load-delay", "0"]);
            reloads.join().unwrap();
        })
    },
};

pub const BUSY: Trouble = Trouble {
    name: "busy with a script",
    begin: |server| {
        // Since 7.0 an alias of `busy-reply-threshold`.
        set(server, "lua-time-limit", "50");
        let runs = in_background(server, &["EVAL", "while true do end", "0"]);
        eventually("the server is busy", LIMIT, || fails(server, "BUSY"));
        end(move |server| {
            let _: () = server.query(&["SCRIPT", "KILL"]);
            runs.join().unwrap();
        })
    },
};

pub const ROTATED_PASSWORD: Trouble = Trouble {
    name: "another password",
    begin: |server| {
        acl(server, &["resetpass", ">another"]);
        kill_clients(server);
        end(|server| acl(server, &["resetpass", PASSWORD]))
    },
};

pub const TOO_MANY_CLIENTS: Trouble = Trouble {
    name: "more clients than it may have",
    begin: |server| {
        let mut only = server.connection();
        let ask = |only: &mut Connection, command: &[&str]| -> RedisResult<redis::Value> {
            redis::cmd(command[0]).arg(&command[1..]).query(only)
        };
        ask(&mut only, &["CONFIG", "SET", "maxclients", "1"]).unwrap();
        ask(&mut only, &["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        end(move |_| {
            ask(&mut only, &["CONFIG", "SET", "maxclients", "1000"]).unwrap();
        })
    },
};

pub const MASTER_DOWN: Trouble = Trouble {
    name: "a replica that lost its primary and does not serve old data",
    begin: |server| {
        set(server, "replica-serve-stale-data", "no");
        let _: () = server.query(&["REPLICAOF", "127.0.0.1", "1"]);
        end(|server| server.query(&["REPLICAOF", "NO", "ONE"]))
    },
};

pub const FULL: Trouble = Trouble {
    name: "out of memory",
    begin: |server| {
        set(server, "maxmemory", "1");
        end(|server| set(server, "maxmemory", "0"))
    },
};

pub const CANNOT_SAVE: Trouble = Trouble {
    name: "cannot save, so it takes no writes",
    begin: |server| {
        let gone = server.directory().join("gone");
        fs::create_dir(&gone).unwrap();
        set(server, "dir", gone.to_str().unwrap());
        fs::remove_dir(&gone).unwrap();
        set(server, "save", "3600 1000000");
        let _: () = server.query(&["BGSAVE"]);
        eventually("the save has failed", LIMIT, || {
            let info: String = server.query(&["INFO", "persistence"]);
            info.contains("rdb_last_bgsave_status:err")
        });
        end(|server| set(server, "stop-writes-on-bgsave-error", "no"))
    },
};

/// Scripts are held to it since Redis 7.0.
pub const NO_REPLICAS: Trouble = Trouble {
    name: "too few replicas for writes",
    begin: |server| {
        set(server, "min-replicas-to-write", "1");
        end(|server| set(server, "min-replicas-to-write", "0"))
    },
};

pub const READ_ONLY: Trouble = Trouble {
    name: "a replica",
    begin: |server| {
        let _: () = server.query(&["REPLICAOF", "127.0.0.1", "1"]);
        end(|server| server.query(&["REPLICAOF", "NO", "ONE"]))
    },
};

pub const PAUSED_WRITES: Trouble = Trouble {
    name: "paused for writes",
    begin: |server| {
        let _: () = server.query(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        end(|server| server.query(&["CLIENT", "UNPAUSE"]))
    },
};

pub const NO_SCRIPTS: Trouble = Trouble {
    name: "no permission for scripts",
    begin: |server| {
        acl(server, &["-eval", "-evalsha"]);
        end(|server| acl(server, &["+@all"]))
    },
};

pub const NO_ZADD: Trouble = Trouble {
    name: "no permission for a command in scripts",
    begin: |server| {
        acl(server, &["-zadd"]);
        end(|server| acl(server, &["+@all"]))
    },
};

fn fails(server: &Server, code: &str) -> bool {
    let reply = server.try_query::<redis::Value>(&["GET", "key"]);
    reply.is_err_and(|error| error.code() == Some(code))
}

/// Sends a command that takes long, or is ended by an error.
fn in_background(server: &Server, command: &[&str]) -> thread::JoinHandle<()> {
    let mut connection = server.connection();
    let mut sent = redis::cmd(command[0]);
    sent.arg(&command[1..]);
    thread::spawn(move || drop(sent.query::<redis::Value>(&mut connection)))
}
