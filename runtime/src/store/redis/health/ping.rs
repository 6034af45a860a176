//! Whether the store answers, and how fast: `PING`, whatever the breakers say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::error::{Error, ErrorKind};
use crate::rt::background;
use crate::store::redis::connection::ServerNode;
use crate::store::redis::{Client, Redis, ms};

impl Redis {
    /// Asks the server, or every primary of a cluster, and returns how long the slowest took.
    pub(crate) async fn ping_all(&self, at_most: Duration) -> Result<Duration, Error> {
        let client = self.client.clone();
        let pinged = background::run(async move {
            match tokio::time::timeout(at_most, client.ping()).await {
                Ok(pinged) => pinged,
                Err(_) => {
                    client.connection.timed_out();
                    let limit = ms(at_most);
                    Err(client.away(&format_args!("it did not answer within {limit} ms")))
                }
            }
        });
        pinged.await?
    }
}

impl Client {
    async fn ping(self: &Arc<Self>) -> Result<Duration, Error> {
        if self.connection.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the cache is closed"));
        }
        let connected = self.connection.connect_now().await;
        connected.map_err(|error| self.away(&error))?;
        let nodes = self.connection.nodes().await;
        let nodes = nodes.map_err(|error| self.away(&error))?;
        let started = Instant::now();
        let pings = nodes.iter().map(|node| self.ping_node(node));
        try_join_all(pings).await?;
        Ok(started.elapsed())
    }

    async fn ping_node(&self, node: &ServerNode) -> Result<(), Error> {
        let answer = self.connection.send_to(node, redis::cmd("PING")).await;
        answer.map(drop).map_err(|error| match node {
            ServerNode::Only => self.away(&error),
            #[cfg(feature = "cluster")]
            ServerNode::At { host, port } => unanswered(&format_args!("{host}:{port}"), &error),
        })
    }

    fn away(&self, why: &dyn std::fmt::Display) -> Error {
        unanswered(&self.target.name(), why)
    }
}

fn unanswered(at: &dyn std::fmt::Display, why: &dyn std::fmt::Display) -> Error {
    Error::unavailable(format!("no answer to a ping from {at}: {why}"))
}
