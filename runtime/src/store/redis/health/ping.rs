//! Whether the store answers, and how fast: `PING`, whatever the breakers say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::error::{Error, ErrorKind};
use crate::rt::background;
use crate::store::redis::connection::Node;
use crate::store::redis::{Inner, Redis, ms};

impl Redis {
    /// Asks the server, or every primary of a cluster, and returns how long the slowest took.
    pub(crate) async fn ping_all(&self, at_most: Duration) -> Result<Duration, Error> {
        let inner = self.inner.clone();
        let pinged = background::run(async move {
            match tokio::time::timeout(at_most, inner.ping()).await {
                Ok(pinged) => pinged,
                Err(_) => {
                    inner.link.timed_out();
                    let limit = ms(at_most);
                    Err(inner.away(&format_args!("it did not answer within {limit} ms")))
                }
            }
        });
        pinged.await?
    }
}

impl Inner {
    async fn ping(self: &Arc<Self>) -> Result<Duration, Error> {
        if self.link.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the cache is closed"));
        }
        let connected = self.link.connect_now().await;
        connected.map_err(|error| self.away(&error))?;
        let nodes = self.link.nodes().await;
        let nodes = nodes.map_err(|error| self.away(&error))?;
        let started = Instant::now();
        let pings = nodes.iter().map(|node| self.ping_node(node));
        try_join_all(pings).await?;
        Ok(started.elapsed())
    }

    async fn ping_node(&self, node: &Node) -> Result<(), Error> {
        let answer = self.link.send_to(node, redis::cmd("PING")).await;
        answer.map(drop).map_err(|error| match node {
            Node::Only => self.away(&error),
            #[cfg(feature = "cluster")]
            Node::At { host, port } => unanswered(&format_args!("{host}:{port}"), &error),
        })
    }

    fn away(&self, why: &dyn std::fmt::Display) -> Error {
        unanswered(&self.target.name(), why)
    }
}

fn unanswered(at: &dyn std::fmt::Display, why: &dyn std::fmt::Display) -> Error {
    Error::unavailable(format!("no answer to a ping from {at}: {why}"))
}
