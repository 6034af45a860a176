//! Why there is no connection: which server refused it, and why.
//!
//! Hosts, ports, databases and error codes are no secrets. Users, passwords and what was sent are, so
//! the text of a server's error is read and never repeated.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use redis::{ConnectionAddr, ConnectionInfo, ErrorKind as Kind, RedisError};

use super::classify;
use crate::error::Fault;
use crate::error::{Error, ErrorKind};

/// An attempt to connect that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) server: String,
    pub(crate) cause: Cow<'static, str>,
    kind: ErrorKind,
    fault: Fault,
    pub(crate) is_panic: bool,
}

impl Refusal {
    /// By a server that did not answer, or not as it should.
    pub(crate) fn new(server: impl Into<String>, cause: impl Into<Cow<'static, str>>) -> Self {
        Self {
            server: server.into(),
            cause: cause.into(),
            kind: ErrorKind::Unavailable,
            fault: Fault::Failed,
            is_panic: false,
        }
    }

    pub(crate) fn panicked(server: String) -> Self {
        Self {
            is_panic: true,
            ..Self::new(server, "a panic in this process while connecting")
        }
    }

    pub(crate) fn of(server: &ConnectionInfo, error: &RedisError) -> Self {
        let name = name(server.addr());
        Self {
            cause: cause_at(server, error),
            ..Self::with(name, error)
        }
    }

    /// Where several servers were asked.
    pub(crate) fn with(server: String, error: &RedisError) -> Self {
        let answered = code(error).is_some() || error.kind() == Kind::AuthenticationFailed;
        Self {
            server,
            cause: cause(error),
            kind: if answered {
                ErrorKind::Server
            } else {
                ErrorKind::Unavailable
            },
            fault: match classify::fault(error) {
                Fault::Failed => Fault::Failed,
                // Without a connection, the next call will fail too.
                _ => Fault::Refused,
            },
            is_panic: false,
        }
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(self.kind, self.to_string()).with_fault(self.fault)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", self.server, self.cause)
    }
}

/// The name of a server in messages.
pub(crate) fn name(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            host_and_port(host, *port)
        }
        ConnectionAddr::Unix(path) => format!("unix:{}", path.display()),
        _ => "the store".to_owned(),
    }
}

pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The cause, where the URL is known too.
fn cause_at(server: &ConnectionInfo, error: &RedisError) -> Cow<'static, str> {
    let database = server.redis_settings().db();
    let detail = error.detail().unwrap_or_default();
    if detail.contains("DB index is out of range") {
        return format!("database {database} is out of range").into();
    }
    if detail.contains("SELECT is not allowed in cluster mode") {
        return format!("database {database} is out of range: a cluster has only database 0")
            .into();
    }
    let is_tls = matches!(server.addr(), ConnectionAddr::TcpTls { .. });
    let io = io_error(error);
    if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) && !is_tls {
        return "the server closed the connection before it answered; if it wants TLS, write rediss://"
            .into();
    }
    let is_about_tls = io.is_some_and(|io| io.raw_os_error().is_none() && !error.is_timeout());
    let cause = cause(error);
    if is_tls && is_about_tls && !cause.contains("lookup") {
        return format!("TLS failed: {cause}").into();
    }
    cause
}

/// The cause of an error in a few words.
pub(crate) fn cause(error: &RedisError) -> Cow<'static, str> {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    if let Some(code) = code(error) {
        return cause_of_code(&code, error.detail().unwrap_or_default());
    }
    match error.kind() {
        Kind::AuthenticationFailed => "the server refuses this user or password (WRONGPASS)".into(),
        Kind::Parse => "what answers is not a Redis server".into(),
        Kind::MasterNameNotFoundBySentinel => "no sentinel names a primary that works".into(),
        Kind::ClusterConnectionNotFound => "no node of the cluster can be reached".into(),
        // Errors of the system, or of TLS, which do not repeat what was sent.
        Kind::Io => match (io_error(error), error.source()) {
            (Some(io), _) => lower(io.to_string()).into(),
            (None, Some(source)) => lower(source.to_string()).into(),
            (None, None) => "the connection was closed".into(),
        },
        _ => error.category().to_owned().into(),
    }
}

/// The meaning of a code. The text after it may quote arguments.
pub(crate) fn cause_of_code(code: &str, detail: &str) -> Cow<'static, str> {
    match code {
        "NOAUTH" => "the server wants a password (NOAUTH)",
        "WRONGPASS" => "the server refuses this user or password (WRONGPASS)",
        "NOPERM" => "the server refuses this user the command or the key (NOPERM)",
        "LOADING" => "the server is loading its data (LOADING)",
        "DENIED" => "the server takes no connections from other machines (DENIED)",
        "CLUSTERDOWN" => "the cluster is down, or a part of it (CLUSTERDOWN)",
        "TRYAGAIN" => "the keys are being moved to another node (TRYAGAIN)",
        _ if detail.contains("max number of clients") => {
            "the server accepts no more clients (max number of clients reached)"
        }
        _ if detail.contains("cluster support disabled") => {
            "the server is no node of a cluster; write `redis` instead of `redis_cluster`"
        }
        _ => return format!("the server refused: {}", plain(code)).into(),
    }
    .into()
}

/// The code, unless a server sent something else in its place.
fn plain(code: &str) -> &str {
    let is_code = (1..=32).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if is_code { code } else { "ERR" }
}

/// The code of an error reply; of a pipeline's, the first.
fn code(error: &RedisError) -> Option<String> {
    if let Some(code) = error.code() {
        return Some(code.to_owned());
    }
    let each = error.clone().into_server_errors()?;
    each.first().map(|(_, error)| error.code().to_owned())
}

fn io_error(error: &RedisError) -> Option<&io::Error> {
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn StdError + Send + Sync>>();
    shared.map_or_else(|| source.downcast_ref(), |shared| shared.downcast_ref())
}

/// As in the middle of a sentence, unless it begins with an abbreviation.
fn lower(text: String) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str, error: impl Into<RedisError>) -> String {
        let client = redis::Client::open(url).unwrap();
        Refusal::of(client.get_connection_info(), &error.into()).to_string()
    }

    #[test]
    fn the_server_and_the_cause_are_named() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(
            at("redis://user:secret@127.0.0.1", refused),
            "cannot connect to 127.0.0.1:6379: connection refused (os error 111)"
        );
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(
            at("unix:///run/no.sock", missing),
            "cannot connect to unix:/run/no.sock: no such file or directory (os error 2)"
        );
        let select = RedisError::from((
            Kind::Server(redis::ServerErrorKind::ResponseError),
            "Redis server refused to switch database",
            "DB index is out of range".to_owned(),
        ));
        assert_eq!(
            at("redis://[::1]:7000/99", select),
            "cannot connect to [::1]:7000: database 99 is out of range"
        );
        let late = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(
            at("redis://host:1", late),
            "cannot connect to host:1: no answer in time"
        );
    }

    #[test]
    fn the_text_of_an_error_reply_is_not_repeated() {
        let error = redis::make_extension_error("canary".to_owned(), Some("'canary'".to_owned()));
        assert_eq!(cause(&error), "the server refused: ERR");
        let error = redis::make_extension_error("NOAUTH".to_owned(), Some("canary".to_owned()));
        assert_eq!(cause(&error), "the server wants a password (NOAUTH)");
        assert_eq!(
            Refusal::with("s".to_owned(), &error).error().kind(),
            ErrorKind::Server
        );
    }
}
