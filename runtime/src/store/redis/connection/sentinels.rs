//! Sentinels, which know where the primary is. It is reached as they are: with the same TLS, and with
//! the user, the password and the database of the first URL.

use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{Client, RedisError, RedisResult, TlsMode};
use tokio::sync::Mutex;

use super::diagnosis;
use super::options::{is_tls, tcp};
use super::refusal::Refusal;
use super::tls::Tls;
use crate::error::Error;

pub(crate) struct Sentinels {
    client: Mutex<SentinelClient>,
    /// Those that were named, at least one.
    pub(crate) named: Vec<Client>,
    pub(crate) service: String,
}

impl Sentinels {
    pub(crate) fn new(named: Vec<Client>, service: &str, tls: &Tls) -> Result<Self, Error> {
        let client = match tls.of_sentinels(&named, service)? {
            Some(builder) => builder.build(),
            None => plain(&named, service),
        };
        let client = client.map_err(|error| tls.unusable("redis_sentinel", &error))?;
        Ok(Self {
            client: Mutex::new(client),
            named,
            service: service.to_owned(),
        })
    }

    pub(crate) async fn primary(&self) -> RedisResult<Client> {
        self.client.lock().await.async_get_client().await
    }

    pub(crate) async fn diagnosis(&self, name: String, error: &RedisError) -> Refusal {
        diagnosis::of_sentinels(&self.named, &self.service, name, error).await
    }
}

/// Without certificates of our own.
fn plain(named: &[Client], service: &str) -> RedisResult<SentinelClient> {
    let infos = named.iter().map(|one| one.get_connection_info().clone());
    let infos: Vec<_> = infos.collect();
    let mut node = SentinelNodeConnectionInfo::default()
        .set_redis_connection_info(infos[0].redis_settings().clone())
        .set_tcp_settings(tcp());
    if is_tls(&named[0]) {
        node = node.set_tls_mode(TlsMode::Secure);
    }
    let service = service.to_owned();
    SentinelClient::build(infos, service, Some(node), SentinelServerType::Master)
}
