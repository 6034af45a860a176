//! A private cluster.

use std::cell::RefCell;
use std::time::Duration;

use crate::server::data_arguments;
use crate::{Binary, Proxy, Server, binary, eventually};

const SLOTS: u16 = 16_384;
/// The first slot of each primary, and the end.
const BOUNDS: [u16; PRIMARIES + 1] = [0, 5_461, 10_922, SLOTS];
const PRIMARIES: usize = 3;

/// Three primaries without replicas, which share the slots.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster of the first server program found.
    pub fn start() -> Self {
        Self::start_on(&binary())
    }

    pub fn start_on(binary: &Binary) -> Self {
        Self::of((0..PRIMARIES).map(|_| start_node(binary)).collect())
    }

    /// Starts a cluster of the first server program found, with a proxy in front of each node that clients are sent to.
    pub fn start_behind_proxies() -> (Self, Vec<Proxy>) {
        let binary = binary();
        let nodes = (0..PRIMARIES).map(|_| start_node_behind_a_proxy(&binary));
        let (nodes, proxies): (_, Vec<Proxy>) = nodes.unzip();
        let cluster = Self::of(nodes);
        eventually("nodes name the proxies", Duration::from_secs(20), || {
            cluster.nodes.iter().all(|node| {
                let nodes: String = node.query(&["CLUSTER", "NODES"]);
                let named = |proxy: &Proxy| nodes.contains(&format!(":{}@", proxy.port()));
                proxies.iter().all(named)
            })
        });
        (cluster, proxies)
    }

    fn of(nodes: Vec<Server>) -> Self {
        for (node, bounds) in nodes.iter().zip(BOUNDS.windows(2)) {
            redis::cmd("CLUSTER")
                .arg("ADDSLOTS")
                .arg((bounds[0]..bounds[1]).collect::<Vec<_>>())
                .exec(&mut node.connection())
                .unwrap();
        }
        for node in &nodes[1..] {
            let port = node.port().to_string();
            let _: () = nodes[0].query(&["CLUSTER", "MEET", "127.0.0.1", &port]);
        }
        let cluster = Self { nodes };
        cluster.wait_until_ok();
        cluster
    }

    /// Waits until every node knows every other one and serves all slots.
    pub fn wait_until_ok(&self) {
        let wanted = [
            "cluster_state:ok",
            "cluster_known_nodes:3",
            "cluster_size:3",
        ];
        eventually("the cluster is ok", Duration::from_secs(20), || {
            self.nodes.iter().all(|node| {
                let info: String = node.query(&["CLUSTER", "INFO"]);
                wanted.iter().all(|line| info.lines().any(|l| l == *line))
            })
        });
    }

    /// Starts a replica of a primary, and waits until it is in sync.
    pub fn add_replica(&self, primary: usize) -> Server {
        let primary = &self.nodes[primary];
        let replica = start_node(primary.binary());
        let port = primary.port().to_string();
        let _: () = replica.query(&["CLUSTER", "MEET", "127.0.0.1", &port]);
        let id: String = primary.query(&["CLUSTER", "MYID"]);
        let limit = Duration::from_secs(20);
        eventually("the replica knows its primary", limit, || {
            replica
                .try_query::<redis::Value>(&["CLUSTER", "REPLICATE", &id])
                .is_ok()
        });
        eventually("the replica is in sync", limit, || {
            let info: String = replica.query(&["INFO", "replication"]);
            let nodes: String = self.nodes[2].query(&["CLUSTER", "NODES"]);
            info.contains("master_link_status:up") && nodes.matches("slave").count() == 1
        });
        // Before that it knows no other node's slots, and clients that ask it are misled.
        eventually("the replica knows the cluster", limit, || {
            let info: String = replica.query(&["CLUSTER", "INFO"]);
            ["cluster_state:ok", "cluster_size:3"]
                .iter()
                .all(|line| info.contains(line))
        });
        replica
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The node that holds a key.
    pub fn node_of(&self, key: &str) -> &Server {
        let slot = slot(key);
        &self.nodes[BOUNDS.iter().rposition(|first| *first <= slot).unwrap()]
    }

    /// Every key of every node, sorted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.nodes.iter().flat_map(Server::keys).collect();
        keys.sort();
        keys
    }
}

fn start_node(binary: &Binary) -> Server {
    Server::launch(binary, |port, _| node_arguments(binary, port))
}

/// Its port is announced from the start: a node of Redis 6.2 does not look at `cluster-announce-port` again.
fn start_node_behind_a_proxy(binary: &Binary) -> (Server, Proxy) {
    let proxy = RefCell::new(None);
    let server = Server::launch(binary, |port, _| {
        let announced = proxy.borrow_mut().insert(Proxy::start(port)).port();
        let mut arguments = node_arguments(binary, port);
        arguments.extend([
            "--cluster-announce-port".to_owned(),
            announced.to_string(),
            "--cluster-announce-bus-port".to_owned(),
            (port + 10_000).to_string(),
        ]);
        arguments
    });
    (server, proxy.take().unwrap())
}

fn node_arguments(binary: &Binary, port: u16) -> Vec<String> {
    let mut arguments = data_arguments(binary, port);
    arguments.extend(
        [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "2000",
            "--cluster-announce-ip",
            "127.0.0.1",
        ]
        .map(String::from),
    );
    arguments
}

/// The slot of a key: CRC-16 (XMODEM) of its hash tag, or of the whole key without one.
pub fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty());
    let hashed = tag.unwrap_or(key);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    });
    crc % SLOTS
}
