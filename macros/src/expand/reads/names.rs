//! What names say: of fields, that they are handles; of calls, that they give the value itself.

/// The last words of names of connections, handles and the like.
const HANDLES: [&str; 56] = [
    "api",
    "backend",
    "cache",
    "client",
    "conn",
    "connection",
    "connector",
    "consumer",
    "dao",
    "database",
    "db",
    "driver",
    "executor",
    "gateway",
    "grpc",
    "handle",
    "http",
    "kv",
    "limiter",
    "lock",
    "log",
    "logger",
    "marker",
    "metrics",
    "mongo",
    "mutex",
    "mysql",
    "permit",
    "pg",
    "phantom",
    "pool",
    "postgres",
    "producer",
    "pubsub",
    "reader",
    "receiver",
    "redis",
    "repo",
    "repository",
    "rpc",
    "rt",
    "runtime",
    "rwlock",
    "rx",
    "semaphore",
    "sender",
    "service",
    "sqlite",
    "storage",
    "store",
    "stub",
    "svc",
    "tracer",
    "transaction",
    "transport",
    "tx",
];

/// Calls that give the value, in some form.
const VALUES: [&str; 13] = [
    "borrow",
    "clone",
    "cloned",
    "copied",
    "deref",
    "expect",
    "into",
    "unwrap",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
    "ok_or",
    "ok_or_else",
];

/// `pool`, `read_pool`, `clients`; not `pool_size`, `client_id`, `api_key`.
pub(super) fn is_handle(field: &str) -> bool {
    let field = field.trim_start_matches("r#").trim_matches('_');
    let last = field.rsplit('_').next().unwrap_or(field);
    let singular = last.strip_suffix('s').unwrap_or(last);
    HANDLES.contains(&last) || HANDLES.contains(&singular)
}

pub(super) fn gives_the_value(method: &str) -> bool {
    let is_conversion = ["as_", "to_", "into_"]
        .iter()
        .any(|prefix| method.starts_with(prefix));
    is_conversion || VALUES.contains(&method)
}
