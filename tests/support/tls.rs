//! Servers that speak TLS.

#[cfg(feature = "tls-rustls")]
mod authority;

use std::cell::Cell;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::server::{data_arguments, free_port};
use crate::{Binary, Server, binaries, eventually};

#[cfg(feature = "tls-rustls")]
pub use authority::Authority;

/// A certificate, its private key, and the CA that signed it, as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

/// The first server program that was built with TLS.
pub fn tls_binary() -> Option<Binary> {
    let missing = ["cert", "key", "ca-cert"].map(|what| format!("--tls-{what}-file"));
    binaries().into_iter().find(|binary| {
        let mut command = Command::new(&binary.path);
        command.args(["--port", "0", "--tls-port", "1"]);
        for option in &missing {
            command.args([option.as_str(), "/nonexistent"]);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).contains("Failed to load certificate")
    })
}

/// A server that speaks TLS on one port and, for the tests, plain on another.
#[derive(Debug)]
pub struct TlsServer {
    pub plain: Server,
    tls_port: u16,
}

impl TlsServer {
    /// With more arguments, such as `["--tls-auth-clients", "yes"]`; without them it asks for none.
    pub fn start(binary: &Binary, identity: &Identity, more: &[&str]) -> Self {
        let tls_port = Cell::new(0);
        let plain = Server::launch(binary, |port, directory| {
            tls_port.set(free_port());
            let mut arguments = data_arguments(binary, port);
            arguments.extend(tls_arguments(directory, identity, tls_port.get()));
            arguments.extend(more.iter().map(ToString::to_string));
            arguments
        });
        Self {
            plain,
            tls_port: tls_port.get(),
        }
    }

    pub fn port(&self) -> u16 {
        self.tls_port
    }

    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port)
    }
}

fn tls_arguments(directory: &std::path::Path, identity: &Identity, port: u16) -> Vec<String> {
    fs::write(directory.join("ca.pem"), &identity.ca).unwrap();
    fs::write(directory.join("cert.pem"), &identity.certificate).unwrap();
    fs::write(directory.join("key.pem"), &identity.key).unwrap();
    let port = port.to_string();
    let arguments = [
        ["--tls-port", &port],
        ["--tls-ca-cert-file", "ca.pem"],
        ["--tls-cert-file", "cert.pem"],
        ["--tls-key-file", "key.pem"],
        ["--tls-auth-clients", "no"],
    ];
    arguments.concat().iter().map(ToString::to_string).collect()
}

/// Three nodes that speak TLS with clients and with each other.
pub fn tls_cluster(binary: &Binary, identity: &Identity, more: &[&str]) -> Vec<TlsServer> {
    let mut arguments = vec!["--cluster-enabled", "yes", "--tls-cluster", "yes"];
    arguments.extend(["--cluster-announce-ip", "127.0.0.1"]);
    arguments.extend(more);
    let nodes: Vec<_> = (0..3)
        .map(|_| TlsServer::start(binary, identity, &arguments))
        .collect();
    for (node, slots) in nodes
        .iter()
        .zip([0..5461, 5461..10_922, 10_922..16_384_u16])
    {
        redis::cmd("CLUSTER")
            .arg("ADDSLOTS")
            .arg(slots.collect::<Vec<_>>())
            .exec(&mut node.plain.connection())
            .unwrap();
    }
    for node in &nodes[1..] {
        let port = node.port().to_string();
        let _: () = nodes[0]
            .plain
            .query(&["CLUSTER", "MEET", "127.0.0.1", &port]);
    }
    eventually("the cluster is ok", Duration::from_secs(20), || {
        nodes.iter().all(|node| {
            let info: String = node.plain.query(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
    });
    nodes
}

/// A sentinel that speaks TLS with clients and with the primary.
pub fn tls_sentinel(
    binary: &Binary,
    identity: &Identity,
    (service, primary): (&str, u16),
    more: &str,
) -> TlsServer {
    let tls_port = Cell::new(0);
    let plain = Server::launch(binary, |port, directory| {
        tls_port.set(free_port());
        tls_arguments(directory, identity, tls_port.get());
        let tls_port = tls_port.get();
        let config = format!(
            "port {port}\n\
             bind 127.0.0.1\n\
             tls-port {tls_port}\n\
             tls-ca-cert-file ca.pem\n\
             tls-cert-file cert.pem\n\
             tls-key-file key.pem\n\
             tls-auth-clients no\n\
             tls-replication yes\n\
             sentinel monitor {service} 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds {service} 600000\n\
             {more}\n"
        );
        fs::write(directory.join("sentinel.conf"), config).unwrap();
        ["sentinel.conf", "--sentinel"].map(String::from).into()
    });
    TlsServer {
        plain,
        tls_port: tls_port.get(),
    }
}
