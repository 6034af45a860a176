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

/// What to write in place of a URL of a kind that `redis` does not take, or that needs a feature.
pub(crate) fn of_another_kind(what: &str, url: &str, has_tls: bool) -> Option<Error> {
    let (scheme, _) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let remedy = if scheme.contains("cluster") {
        "names a cluster; give redis:// URLs of some of its nodes to `redis_cluster` (feature `cluster`)"
    } else if scheme.contains("sentinel") {
        "names sentinels; give their redis:// URLs and the name of the service to `redis_sentinel` (feature `sentinel`)"
    } else if matches!(&*scheme, "rediss" | "valkeys") && !has_tls {
        "asks for TLS, which is not compiled in; enable the feature `tls-rustls` or `tls-native` of redis-func-cache in \
         Cargo.toml"
    } else {
        return None;
    };
    Some(Error::config(format!("the URL given to `{what}` {remedy}")))
}

#[cfg(test)]
mod tests {
    use super::of_another_kind;

    fn remedy(url: &str, has_tls: bool) -> Option<String> {
        of_another_kind("redis", url, has_tls).map(|error| error.to_string())
    }

    #[test]
    fn a_url_that_needs_a_feature_or_another_method_names_it() {
        let tls = remedy("rediss://user:secret@host:6380", false).unwrap();
        assert!(
            tls.contains("the URL given to `redis` asks for TLS"),
            "{tls}"
        );
        assert!(
            tls.contains("enable the feature `tls-rustls` or `tls-native`"),
            "{tls}"
        );
        assert!(remedy("valkeys://host", false).is_some());
        for (url, method, feature) in [
            (
                "redis+cluster://user:secret@host",
                "`redis_cluster`",
                "`cluster`",
            ),
            ("rediss-cluster://host", "`redis_cluster`", "`cluster`"),
            (
                "redis-sentinel://:secret@host:26379/primary",
                "`redis_sentinel`",
                "`sentinel`",
            ),
            ("REDIS+SENTINEL://host", "`redis_sentinel`", "`sentinel`"),
        ] {
            let text = remedy(url, true).unwrap();
            assert!(
                text.contains(method) && text.contains(&format!("feature {feature}")),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn other_urls_are_left_to_the_redis_crate() {
        for url in [
            "redis://cluster:6379",
            "rediss://sentinel",
            "unix:///run/cluster",
            "nonsense",
        ] {
            assert_eq!(remedy(url, true), None, "{url}");
        }
        assert_eq!(remedy("redis://host", false), None);
    }
}
