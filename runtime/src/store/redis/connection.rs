//! What a command goes through.

use redis::{Cmd, Value};

use super::read::WithTime;

/// A node of the store, to send a command to that concerns no key.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Only,
    #[cfg(feature = "cluster")]
    At {
        host: String,
        port: u16,
    },
}

pub(super) type Reply = redis::RedisResult<Value>;

/// What a command goes through: one server's connection or a cluster's.
#[derive(Clone)]
pub(super) enum Connection {
    One(redis::aio::MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&mut self, cmd: &Cmd) -> Reply {
        match self {
            Self::One(one) => cmd.query_async(one).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cmd.query_async(cluster).await,
        }
    }

    pub(super) async fn send_with_time(&mut self, cmd: &Cmd) -> WithTime {
        let mut pipe = redis::Pipeline::with_capacity(2);
        pipe.add_command(cmd.clone()).cmd("TIME");
        let replies: Vec<Value> = match self {
            Self::One(one) => pipe.query_async(one).await?,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => pipe.query_async(cluster).await?,
        };
        let [entries, time] = <[Value; 2]>::try_from(replies).map_err(|_| {
            redis::RedisError::from((redis::ErrorKind::UnexpectedReturnType, "two replies"))
        })?;
        Ok((entries, time))
    }
}
