//! Where to connect to, and how a connection is made.

use std::fmt;
use std::time::Duration;

use redis::aio::PubSub;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
};

use super::Connection;
use crate::error::Error;

/// Off the path of every call, so it may take longer than a call.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// A last resort under the deadlines of calls.
const RESPONSE: Duration = Duration::from_secs(5);
/// While a cluster's client asks a frozen node for the topology, it serves nobody.
#[cfg(feature = "cluster")]
const RESPONSE_OF_NODE: Duration = Duration::from_secs(1);

pub(crate) enum Target {
    One(Client),
    #[cfg(feature = "cluster")]
    /// With a client for each node that was named.
    Cluster(Box<redis::cluster::ClusterClient>, Vec<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(tokio::sync::Mutex<redis::sentinel::SentinelClient>),
}

impl Target {
    pub(crate) fn one(url: &str) -> Result<Self, Error> {
        Client::open(connection_info(url)?)
            .map(Self::One)
            .map_err(|error| refused("redis", &error))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(urls: &[String]) -> Result<Self, Error> {
        if urls.is_empty() {
            return Err(Error::config(
                "`redis_cluster` has no URL; name at least one node",
            ));
        }
        let nodes = urls
            .iter()
            .map(|url| connection_info(url))
            .collect::<Result<Vec<_>, _>>()?;
        let seeds = nodes.iter().cloned().map(Client::open);
        let seeds = seeds.collect::<Result<Vec<_>, _>>();
        let seeds = seeds.map_err(|error| refused("redis_cluster", &error))?;
        redis::cluster::ClusterClientBuilder::new(nodes)
            .connection_timeout(CONNECT)
            .response_timeout(RESPONSE_OF_NODE)
            .overall_response_timeout(Some(RESPONSE_OF_NODE))
            .retries(1)
            .min_retry_wait(5)
            .max_retry_wait(20)
            .tcp_settings(tcp())
            .build()
            .map(|client| Self::Cluster(Box::new(client), seeds))
            .map_err(|error| refused("redis_cluster", &error))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(urls: &[String], service: &str) -> Result<Self, Error> {
        use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
        let sentinels = urls
            .iter()
            .map(|url| connection_info(url))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(first) = sentinels.first() else {
            return Err(Error::config(
                "`redis_sentinel` has no URL; name at least one sentinel",
            ));
        };
        let node = SentinelNodeConnectionInfo::default()
            .set_redis_connection_info(first.redis_settings().clone())
            .set_tcp_settings(tcp());
        SentinelClient::build(
            sentinels,
            String::from(service),
            Some(node),
            SentinelServerType::Master,
        )
        .map(|client| Self::Sentinel(tokio::sync::Mutex::new(client)))
        .map_err(|error| refused("redis_sentinel", &error))
    }

    pub(super) fn is_cluster(&self) -> bool {
        #[cfg(feature = "cluster")]
        return matches!(self, Self::Cluster(..));
        #[cfg(not(feature = "cluster"))]
        false
    }

    /// Whether a [`Wire`](super::wire::Wire) can be had: to one server, and not through TLS.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::One(client) => !matches!(
                client.get_connection_info().addr(),
                ConnectionAddr::TcpTls { .. }
            ),
            #[cfg(feature = "cluster")]
            Self::Cluster(..) => false,
            #[cfg(feature = "sentinel")]
            Self::Sentinel(_) => true,
        }
    }

    /// The one server that there is at present, for whoever connects by himself.
    pub(super) async fn server(&self) -> Result<ConnectionInfo, RedisError> {
        match self {
            Self::One(client) => Ok(client.get_connection_info().clone()),
            #[cfg(feature = "cluster")]
            Self::Cluster(..) => Err((redis::ErrorKind::InvalidClientConfig, "a cluster").into()),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => {
                let client = client.lock().await.async_get_client().await?;
                Ok(client.get_connection_info().clone())
            }
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(RESPONSE));
        match self {
            Self::One(client) => {
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(Connection::One)
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(client, _) => {
                client.get_async_connection().await.map(Connection::Cluster)
            }
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => {
                let mut client = client.lock().await;
                client
                    .get_async_connection_with_config(&config)
                    .await
                    .map(Connection::One)
            }
        }
    }
}

impl Target {
    /// A connection for messages. In a cluster any node will do: it passes on what others publish.
    pub(super) async fn subscribe(&self) -> Result<PubSub, RedisError> {
        match self {
            Self::One(client) => client.get_async_pubsub().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(_, seeds) => {
                let mut last = RedisError::from((redis::ErrorKind::Io, "no node was named"));
                for seed in seeds {
                    match seed.get_async_pubsub().await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => {
                let primary = client.lock().await.async_get_client().await?;
                primary.get_async_pubsub().await
            }
        }
    }
}

/// Where URLs lead to, without users and passwords.
pub(crate) fn addresses(urls: &[String]) -> String {
    let infos = urls.iter().filter_map(|url| connection_info(url).ok());
    let addresses: Vec<_> = infos.map(|info| info.addr().to_string()).collect();
    addresses.join(", ")
}

fn connection_info(url: &str) -> Result<ConnectionInfo, Error> {
    let info = url
        .into_connection_info()
        .map_err(|error| refused("redis", &error))?;
    Ok(info.set_tcp_settings(tcp()))
}

/// Small requests must not wait for more to come, which is what Nagle's algorithm does. A peer whose
/// machine is gone is noticed in seconds, not in the quarter of an hour that systems take.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(1));
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

/// The URL may hold a password, so it is not shown, and neither is the text of the error.
fn refused(what: &str, error: &RedisError) -> Error {
    Error::config(format!(
        "the URL given to `{what}` cannot be used ({}); write redis://[user:password@]host[:port][/database], \
         rediss:// for TLS (feature `tls-rustls`), or unix:///path",
        error.category()
    ))
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One(..)",
            #[cfg(feature = "cluster")]
            Self::Cluster(..) => "Cluster(..)",
            #[cfg(feature = "sentinel")]
            Self::Sentinel(_) => "Sentinel(..)",
        })
    }
}
