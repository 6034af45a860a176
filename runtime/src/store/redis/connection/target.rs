//! Where to connect to, and how a connection is made.

use std::fmt;
use std::time::Duration;

use redis::aio::PubSub;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisResult,
};

use super::client_name::ClientName;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
use super::diagnosis;
use super::handshake::{self, ServerStream};
use super::options::{CONNECT, is_tls, of_another_kind, refused, tcp};
use super::refusal::Refusal;
#[cfg(feature = "sentinel")]
use super::sentinels::Sentinels;
use super::tls::Tls;
use super::{Connection, refusal, tls};
use crate::error::Error;

/// A last resort under the deadlines of calls.
const RESPONSE: Duration = Duration::from_secs(5);
/// While a cluster's client asks a frozen node for the topology, it serves no call.
#[cfg(feature = "cluster")]
const RESPONSE_OF_NODE: Duration = Duration::from_secs(1);

pub(crate) struct Target {
    servers: Servers,
    pub(crate) client_name: ClientName,
}

enum Servers {
    One(Box<Client>),
    #[cfg(feature = "cluster")]
    /// With a client for each node that was named.
    Cluster(Box<redis::cluster::ClusterClient>, Vec<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Box<Sentinels>),
}

impl Target {
    fn of(servers: Servers) -> Self {
        Self {
            servers,
            client_name: ClientName::of(""),
        }
    }

    /// Gives connections the name of a cache.
    pub(crate) fn named(self, cache: &str) -> Self {
        Self {
            client_name: ClientName::of(cache),
            ..self
        }
    }

    pub(crate) fn one(url: &str, tls: &Tls) -> Result<Self, Error> {
        tls.client("redis", connection_info("redis", url)?)
            .map(|client| Self::of(Servers::One(Box::new(client))))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(urls: &[String], tls: &Tls) -> Result<Self, Error> {
        let nodes = clients("redis_cluster", urls, tls)?;
        let infos = nodes.iter().map(|node| node.get_connection_info().clone());
        let builder = redis::cluster::ClusterClientBuilder::new(infos)
            .connection_timeout(CONNECT)
            .response_timeout(RESPONSE_OF_NODE)
            .overall_response_timeout(Some(RESPONSE_OF_NODE))
            // By way of a node that is dead or has just joined, and of one that knows better.
            .retries(3)
            .min_retry_wait(5)
            .max_retry_wait(20)
            .tcp_settings(tcp());
        tls.of_cluster(builder, is_tls(&nodes[0]))?
            .build()
            .map(|client| Self::of(Servers::Cluster(Box::new(client), nodes)))
            .map_err(|error| tls.unusable("redis_cluster", &error))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(urls: &[String], service: &str, tls: &Tls) -> Result<Self, Error> {
        let sentinels = clients("redis_sentinel", urls, tls)?;
        let sentinels = Sentinels::new(sentinels, service, tls)?;
        Ok(Self::of(Servers::Sentinel(Box::new(sentinels))))
    }

    pub(crate) fn is_cluster(&self) -> bool {
        #[cfg(feature = "cluster")]
        return matches!(self.servers, Servers::Cluster(..));
        #[cfg(not(feature = "cluster"))]
        false
    }

    /// A node of the cluster, to which the URLs that were named give user and password.
    pub(crate) fn node(&self, host: &str, port: u16) -> Option<Self> {
        match &self.servers {
            // A node that does not know its own address has none in the topology.
            #[cfg(feature = "cluster")]
            Servers::Cluster(_, nodes) if !host.is_empty() => {
                let named = nodes[0].get_connection_info().clone();
                let at = redis::ConnectionAddr::Tcp(host.to_owned(), port);
                let client = Client::open(named.set_addr(at)).ok()?;
                Some(Self {
                    servers: Servers::One(Box::new(client)),
                    client_name: self.client_name.clone(),
                })
            }
            _ => {
                let _ = (host, port);
                None
            }
        }
    }

    /// Whether lanes can have pipelines: without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        match &self.servers {
            Servers::One(client) => !is_tls(client),
            #[cfg(feature = "cluster")]
            Servers::Cluster(_, nodes) => !is_tls(&nodes[0]),
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(sentinels) => !is_tls(&sentinels.named[0]),
        }
    }

    /// The server or servers that were named, for messages.
    pub(crate) fn name(&self) -> String {
        match &self.servers {
            Servers::One(client) => name(client),
            #[cfg(feature = "cluster")]
            Servers::Cluster(_, nodes) => format!("the cluster of {}", names(nodes)),
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(sentinels) => {
                let named = names(&sentinels.named);
                let service = &sentinels.service;
                format!("the primary of `{service}` behind the sentinels {named}")
            }
        }
    }

    /// What is wrong with a connection that was made.
    pub(crate) fn refusal(&self, error: &RedisError) -> Refusal {
        match &self.servers {
            Servers::One(client) => Refusal::of(client.get_connection_info(), error),
            #[cfg(any(feature = "cluster", feature = "sentinel"))]
            _ => Refusal::with(self.name(), error),
        }
    }

    /// The server at present, for a pipeline, which connects by itself.
    pub(crate) async fn server(&self) -> RedisResult<ConnectionInfo> {
        tls::choose_provider();
        match &self.servers {
            Servers::One(client) => Ok(client.get_connection_info().clone()),
            #[cfg(feature = "cluster")]
            Servers::Cluster(..) => {
                Err((redis::ErrorKind::InvalidClientConfig, "a cluster").into())
            }
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(sentinels) => {
                let client = sentinels.primary().await?;
                Ok(client.get_connection_info().clone())
            }
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Refusal> {
        tls::choose_provider();
        match &self.servers {
            Servers::One(client) => {
                let connection = one(client).await;
                connection.map_err(|error| Refusal::of(client.get_connection_info(), &error))
            }
            #[cfg(feature = "cluster")]
            Servers::Cluster(client, nodes) => match client.get_async_connection().await {
                Ok(connection) => Ok(Connection::Cluster(connection)),
                Err(error) => Err(diagnosis::of_cluster(nodes, self.name(), &error).await),
            },
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(sentinels) => {
                let connection = match sentinels.primary().await {
                    Ok(primary) => one(&primary).await,
                    Err(error) => Err(error),
                };
                match connection {
                    Ok(connection) => Ok(connection),
                    Err(error) => Err(sentinels.diagnosis(self.name(), &error).await),
                }
            }
        }
    }

    /// A connection for messages. In a cluster any node will do: it relays what others publish.
    pub(crate) async fn subscribe(&self) -> RedisResult<PubSub> {
        tls::choose_provider();
        match &self.servers {
            Servers::One(client) => pubsub(client, &self.client_name).await,
            #[cfg(feature = "cluster")]
            Servers::Cluster(_, nodes) => {
                let mut last = RedisError::from((redis::ErrorKind::Io, "no node was named"));
                for node in nodes {
                    match pubsub(node, &self.client_name).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(sentinels) => {
                pubsub(&sentinels.primary().await?, &self.client_name).await
            }
        }
    }
}

/// The socket is one of our own, but for TLS: the redis crate's takes no name.
async fn pubsub(client: &Client, name: &ClientName) -> RedisResult<PubSub> {
    if is_tls(client) {
        return client.get_async_pubsub().await;
    }
    // It has been authenticated by then.
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    match handshake::open(client.get_connection_info(), name).await? {
        ServerStream::Tcp(stream) => {
            handshake::keep_alive(&stream)?;
            PubSub::new(&settings, stream).await
        }
        #[cfg(unix)]
        ServerStream::Unix(stream) => PubSub::new(&settings, stream).await,
    }
}

/// A connection that is known to answer; whether it knows the password shows with the first command.
async fn one(client: &Client) -> RedisResult<Connection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(RESPONSE));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.map(Connection::One)
}

fn name(client: &Client) -> String {
    refusal::name(client.get_connection_info().addr())
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn names(clients: &[Client]) -> String {
    let names: Vec<_> = clients.iter().map(name).collect();
    names.join(", ")
}

/// Clients of servers that are named together, at least one, which ask for TLS all or not at all:
/// the others may be sent the password too.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn clients(what: &str, urls: &[String], tls: &Tls) -> Result<Vec<Client>, Error> {
    if urls.is_empty() {
        return Err(Error::config(format!(
            "`{what}` has no URL; name at least one server"
        )));
    }
    let clients = urls
        .iter()
        .map(|url| tls.client(what, connection_info(what, url)?));
    let clients = clients.collect::<Result<Vec<_>, _>>()?;
    if clients
        .iter()
        .any(|client| is_tls(client) != is_tls(&clients[0]))
    {
        return Err(Error::config(format!(
            "some URLs given to `{what}` begin with rediss:// and others do not; write rediss:// in all of \
             them, or in none"
        )));
    }
    Ok(clients)
}

fn connection_info(what: &str, url: &str) -> Result<ConnectionInfo, Error> {
    let has_tls = cfg!(any(feature = "tls-rustls", feature = "tls-native"));
    if let Some(error) = of_another_kind(what, url, has_tls) {
        return Err(error);
    }
    let info = url
        .into_connection_info()
        .map_err(|error| refused(what, &error))?;
    Ok(info.set_tcp_settings(tcp()))
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.servers {
            Servers::One(_) => "One(..)",
            #[cfg(feature = "cluster")]
            Servers::Cluster(..) => "Cluster(..)",
            #[cfg(feature = "sentinel")]
            Servers::Sentinel(_) => "Sentinel(..)",
        })
    }
}
