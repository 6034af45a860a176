//! A private primary with a replica, watched by sentinels.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::{Binary, Server, binary, eventually};

const SERVICE: &str = "cache";

/// One primary, one replica and three sentinels, of which two must agree on a failover.
#[derive(Debug)]
pub struct Sentinel {
    service: &'static str,
    // First, so that they are dropped first and start no failover meanwhile.
    sentinels: Vec<Server>,
    primary: Server,
    replica: Server,
}

impl Sentinel {
    /// Starts the first server program found.
    pub fn start() -> Self {
        Self::start_on(&binary())
    }

    pub fn start_on(binary: &Binary) -> Self {
        let diskless = [
            "--repl-diskless-sync",
            "yes",
            "--repl-diskless-sync-delay",
            "0",
        ];
        let primary = Server::start_with(binary, &diskless);
        let port = primary.port().to_string();
        let mut arguments = vec!["--replicaof", "127.0.0.1", &port];
        arguments.extend(diskless);
        let replica = Server::start_with(binary, &arguments);
        wait_for_replication(&primary, &replica);
        let sentinels = (0..3)
            .map(|_| start_sentinel(binary, primary.port()))
            .collect();
        let all = Self {
            service: SERVICE,
            sentinels,
            primary,
            replica,
        };
        eventually("the sentinels know all", Duration::from_secs(30), || {
            all.sentinels.iter().all(knows_all)
        });
        all
    }

    pub fn sentinel_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The name under which the sentinels know the primary.
    pub fn service_name(&self) -> &str {
        self.service
    }

    /// The server that began as the primary.
    pub fn primary(&self) -> &Server {
        &self.primary
    }

    /// The server that began as the replica.
    pub fn replica(&self) -> &Server {
        &self.replica
    }

    /// Waits until every sentinel names the server that began as the replica, and it accepts writes.
    pub fn wait_until_failed_over(&self) {
        let replica = self.replica.port().to_string();
        eventually("the replica is promoted", Duration::from_secs(30), || {
            // A promotion closes the connections of clients.
            let info = self.replica.try_query::<String>(&["INFO", "replication"]);
            info.is_ok_and(|info| info.contains("role:master"))
                && self.sentinels.iter().all(|sentinel| {
                    let (_, port): (String, String) =
                        sentinel.query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
                    port == replica
                })
        });
    }
}

fn wait_for_replication(primary: &Server, replica: &Server) {
    eventually("the replica is in sync", Duration::from_secs(20), || {
        let info: String = replica.query(&["INFO", "replication"]);
        info.contains("master_link_status:up")
    });
    // What the primary writes until the first acknowledgement is only buffered, and lost when it is killed.
    let (replicas,): (u64,) = redis::pipe()
        .cmd("PUBLISH")
        .arg("replication")
        .arg("")
        .ignore()
        .cmd("WAIT")
        .arg(1)
        .arg(20_000)
        .query(&mut primary.connection())
        .unwrap();
    assert_eq!(replicas, 1, "the replica acknowledges");
}

fn start_sentinel(binary: &Binary, primary_port: u16) -> Server {
    let sentinel = Server::launch(binary, |port, directory| {
        let config = format!(
            "port {port}\n\
             bind 127.0.0.1\n\
             sentinel monitor {SERVICE} 127.0.0.1 {primary_port} 2\n\
             sentinel down-after-milliseconds {SERVICE} 500\n\
             sentinel failover-timeout {SERVICE} 2000\n"
        );
        // A file, because a sentinel keeps its state in its configuration.
        fs::write(directory.join("sentinel.conf"), config).unwrap();
        ["sentinel.conf", "--sentinel"].map(String::from).into()
    });
    if binary.version >= (7, 0, 0) {
        // Otherwise they publish that they exist every 2 s, read INFO every 10 s, and ask for votes every second.
        // PING-PERIOD stays: a replica last heard of more than five of them ago is not promoted.
        let _: () = sentinel.query(&[
            "SENTINEL",
            "DEBUG",
            "PUBLISH-PERIOD",
            "100",
            "INFO-PERIOD",
            "100",
            "ASK-PERIOD",
            "100",
        ]);
    }
    sentinel
}

fn knows_all(sentinel: &Server) -> bool {
    let primary: HashMap<String, String> = sentinel.query(&["SENTINEL", "MASTER", SERVICE]);
    let replicas: Vec<HashMap<String, String>> = sentinel.query(&["SENTINEL", "REPLICAS", SERVICE]);
    primary["flags"] == "master"
        && primary["num-other-sentinels"] == "2"
        && replicas.len() == 1
        && replicas[0]["flags"] == "slave"
        && replicas[0]["master-link-status"] == "ok"
}
