//! Why the client of a cluster or of sentinels cannot connect, which it does not say: the servers that
//! were named are asked one by one.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

use super::options::CONNECT;
use super::refusal::Refusal;

/// The refusal of the first node that fails; that of the client if none does.
#[cfg(feature = "cluster")]
pub(crate) async fn of_cluster(nodes: &[Client], name: String, error: &RedisError) -> Refusal {
    for node in nodes {
        if let Err(error) = ask(node, redis::cmd("CLUSTER").arg("SLOTS")).await {
            return Refusal::of(node.get_connection_info(), &error);
        }
    }
    Refusal::with(name, error)
}

/// The refusal of the primary, or of the first sentinel if none of them names one.
#[cfg(feature = "sentinel")]
pub(crate) async fn of_sentinels(
    sentinels: &[Client],
    service: &str,
    name: String,
    error: &RedisError,
) -> Refusal {
    let mut first = None;
    for sentinel in sentinels {
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
        let info = sentinel.get_connection_info();
        match ask(sentinel, &question).await.map(address) {
            Err(error) => {
                first.get_or_insert_with(|| Refusal::of(info, &error));
            }
            Ok(None) => {
                let cause = format!("the sentinel knows no primary `{service}`");
                first.get_or_insert_with(|| {
                    Refusal::new(
                        crate::store::redis::connection::refusal::name(info.addr()),
                        cause,
                    )
                });
            }
            Ok(Some((host, port))) => {
                let primary = at(info, host, port);
                let client = Client::open(primary.clone());
                let asked = match client {
                    Ok(client) => ask(&client, &redis::cmd("ROLE")).await.map(drop),
                    Err(error) => Err(error),
                };
                return match asked {
                    Err(error) => Refusal::of(&primary, &error),
                    Ok(()) => Refusal::with(name, error),
                };
            }
        }
    }
    first.unwrap_or_else(|| Refusal::with(name, error))
}

async fn ask(server: &Client, question: &redis::Cmd) -> RedisResult<redis::Value> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT));
    let connecting = server.get_multiplexed_async_connection_with_config(&config);
    let mut connection: MultiplexedConnection = connecting.await?;
    question.query_async(&mut connection).await
}

#[cfg(feature = "sentinel")]
fn address(answer: redis::Value) -> Option<(String, u16)> {
    redis::from_redis_value(answer).ok()
}

/// The primary, reached as the sentinel is.
#[cfg(feature = "sentinel")]
fn at(sentinel: &redis::ConnectionInfo, host: String, port: u16) -> redis::ConnectionInfo {
    use redis::ConnectionAddr;
    let address = match sentinel.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    sentinel.clone().set_addr(address)
}
