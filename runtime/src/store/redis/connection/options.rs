//! How connections are made, whatever they lead to.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionAddr, RedisError};

use crate::error::Error;

/// Calls do not wait for it, so it may take longer than a call.
pub(crate) const CONNECT: Duration = Duration::from_secs(1);

/// Small requests must not wait for more to come, which is what Nagle's algorithm does. A peer whose
/// machine is down is noticed in seconds, not in the quarter of an hour that systems take.
pub(crate) fn tcp() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive());
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

pub(crate) fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(1))
}

pub(crate) fn is_tls(client: &Client) -> bool {
    let address = client.get_connection_info().addr();
    matches!(address, ConnectionAddr::TcpTls { .. })
}

/// The URL may hold a password, so it is not shown, and neither is the text of the error.
pub(crate) fn refused(what: &str, error: &RedisError) -> Error {
    Error::config(format!(
        "the URL given to `{what}` cannot be used ({}); write redis://[user:password@]host[:port][/database], \
         rediss:// for TLS (feature `tls-rustls` or `tls-native`), or unix:///path",
        error.category()
    ))
}
