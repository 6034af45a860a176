//! Connections to a server, to a cluster, or to the primary that sentinels name.
//!
//! It imports nothing of the store on Redis. Start with [`target`]: where to connect to; then [`attempt`]: one
//! attempt; and [`manager`]: a connection that is kept, and replaced when it breaks.

pub(crate) mod attempt;
pub(crate) mod classify;
pub(crate) mod client_name;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) mod diagnosis;
pub(crate) mod handshake;
pub(crate) mod manager;
pub(crate) mod options;
pub(crate) mod pubsub;
pub(crate) mod refusal;
#[cfg(feature = "sentinel")]
pub(crate) mod sentinels;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod topology;

use redis::{Cmd, Value};

use self::client_name::ClientName;

/// A node of the store, to send a command to that concerns no key.
#[derive(Debug, Clone)]
pub(crate) enum ServerNode {
    Only,
    #[cfg(feature = "cluster")]
    At {
        host: String,
        port: u16,
    },
}

pub(crate) type Reply = redis::RedisResult<Value>;

/// One server's connection or a cluster's.
#[derive(Clone)]
pub(crate) enum Connection {
    One(redis::aio::MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    pub(crate) async fn send(&mut self, cmd: &Cmd) -> Reply {
        match self {
            Self::One(one) => cmd.query_async(one).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cmd.query_async(cluster).await,
        }
    }

    /// Names it on the server, and on all nodes of a cluster, which are not waited for: one may be silent.
    pub(crate) async fn set_name(&mut self, name: &ClientName) {
        let command = name.command();
        match self {
            // A user may not be allowed to.
            Self::One(one) => drop(command.query_async::<Value>(one).await),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => {
                let mut cluster = cluster.clone();
                tokio::spawn(async move { drop(command.query_async::<Value>(&mut cluster).await) });
            }
        }
    }

    /// Sends commands on one slot together.
    pub(crate) async fn send_all(
        &mut self,
        pipe: &redis::Pipeline,
    ) -> redis::RedisResult<Vec<Value>> {
        match self {
            Self::One(one) => pipe.query_async(one).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => pipe.query_async(cluster).await,
        }
    }

    pub(crate) async fn send_to(&mut self, node: &ServerNode, cmd: Cmd) -> Reply {
        #[cfg(feature = "cluster")]
        if let (Self::Cluster(cluster), ServerNode::At { host, port }) = (&mut *self, node) {
            use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
            let (host, port) = (host.clone(), *port);
            let to = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
            let reply = cluster.route_command(cmd, to).await;
            return reply.and_then(Value::extract_error);
        }
        #[cfg(not(feature = "cluster"))]
        let ServerNode::Only = node;
        self.send(&cmd).await
    }
}
