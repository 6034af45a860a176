//! Whether the store answers, and how fast: `PING`, whatever the breakers say.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::error::{Error, ErrorKind};
use crate::rt::background;
use crate::settings::ms;
use crate::store::redis::client::Client;
use crate::store::redis::connection::ServerNode;

impl Client {
    /// Asks the server, or every primary of a cluster, and returns how long the slowest took.
    pub(crate) async fn ping_all(self: &Arc<Self>, at_most: Duration) -> Result<Duration, Error> {
        let client = self.clone();
        let pinged = background::run(async move {
            match tokio::time::timeout(at_most, client.ping()).await {
                Ok(pinged) => pinged,
                Err(_) => {
                    client.connection.timed_out();
                    let limit = ms(at_most);
                    Err(client.unanswered(&format_args!("it did not answer within {limit} ms")))
                }
            }
        });
        pinged.await?
    }

    async fn ping(self: &Arc<Self>) -> Result<Duration, Error> {
        if self.connection.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the cache is closed"));
        }
        let connected = self.connection.connect_now().await;
        connected.map_err(|error| self.unanswered(&error))?;
        let nodes = self.connection.nodes().await;
        let nodes = nodes.map_err(|error| self.unanswered(&error))?;
        let started = Instant::now();
        let pings = nodes.iter().map(|node| self.ping_node(node));
        try_join_all(pings).await?;
        Ok(started.elapsed())
    }

    async fn ping_node(&self, node: &ServerNode) -> Result<(), Error> {
        let reply = self.connection.send_to(node, redis::cmd("PING")).await;
        reply.map(drop).map_err(|error| match node {
            ServerNode::Only => self.unanswered(&error),
            #[cfg(feature = "cluster")]
            ServerNode::At { host, port } => unanswered(&format_args!("{host}:{port}"), &error),
        })
    }

    fn unanswered(&self, why: &dyn Display) -> Error {
        unanswered(&self.target.name(), why)
    }
}

fn unanswered(at: &dyn Display, why: &dyn Display) -> Error {
    Error::unavailable(format!("no answer to a ping from {at}: {why}"))
}
