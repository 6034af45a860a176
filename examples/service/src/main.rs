//! An HTTP service on `SQLite`, its repository cached behind a trait object.
//!
//! ```sh
//! cargo run -p service                  # any free port; with PORT=8080 that one
//! cargo run -p service -- --self-test   # sends itself requests and exits
//! cargo run -p service --features metrics # with `/metrics` for Prometheus
//! REDIS_URL=redis://127.0.0.1:6379 DATABASE=users.db cargo run -p service
//! ```

mod self_test;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use redis_func_cache::{Cache, CacheExt as _, Health, cache_impl};
use rusqlite::{Connection, OptionalExtension as _, Result as SqlResult, params, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
}

#[derive(Serialize)]
struct Order {
    id: u32,
    user: u32,
}

/// All that handlers see: whether it is cached is decided in `main`.
#[async_trait]
trait UserStore: Send + Sync {
    async fn find(&self, id: u32) -> SqlResult<Option<User>>;
    async fn find_many(&self, ids: &[u32]) -> SqlResult<HashMap<u32, User>>;
    async fn orders(&self) -> SqlResult<Vec<Order>>;
    async fn rename(&self, id: u32, name: String) -> SqlResult<()>;
}

struct Sqlite(Arc<Mutex<Connection>>);

#[cache_impl(policy = "lru_t", maxsize = 10_000, ttl = "5m")]
#[async_trait]
impl UserStore for Sqlite {
    async fn find(&self, id: u32) -> SqlResult<Option<User>> {
        self.run(move |db| {
            println!("SQL: select user {id}");
            let user = "SELECT name FROM users WHERE id = ?1";
            db.query_row(user, [id], |row| row.get(0))
                .optional()
                .map(|name| name.map(|name| User { id, name }))
        })
        .await
    }

    /// The entries are those of `find`; the query is for those that are missing.
    #[cache(batch = ids, shares = find)]
    async fn find_many(&self, ids: &[u32]) -> SqlResult<HashMap<u32, User>> {
        let ids = ids.to_vec();
        self.run(move |db| {
            println!("SQL: select users {ids:?}");
            let places = vec!["?"; ids.len()].join(", ");
            let users = format!("SELECT id, name FROM users WHERE id IN ({places})");
            let mut users = db.prepare(&users)?;
            let rows = users.query_map(params_from_iter(ids), |row| {
                let (id, name) = (row.get(0)?, row.get(1)?);
                Ok((id, User { id, name }))
            })?;
            rows.collect()
        })
        .await
    }

    #[nocache]
    async fn orders(&self) -> SqlResult<Vec<Order>> {
        self.run(move |db| {
            println!("SQL: select orders");
            let mut orders = db.prepare("SELECT id, user FROM orders ORDER BY id")?;
            let rows = orders.query_map([], |row| {
                let (id, user) = (row.get(0)?, row.get(1)?);
                Ok(Order { id, user })
            })?;
            rows.collect()
        })
        .await
    }

    #[nocache]
    #[invalidates(find(id))]
    async fn rename(&self, id: u32, name: String) -> SqlResult<()> {
        self.run(move |db| {
            println!("SQL: replace user {id}");
            let user = "REPLACE INTO users (id, name) VALUES (?1, ?2)";
            db.execute(user, params![id, name]).map(drop)
        })
        .await
    }
}

impl Sqlite {
    fn open(path: &str) -> SqlResult<Self> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, user INTEGER);
             REPLACE INTO orders VALUES (1, 1), (2, 2), (3, 3), (4, 2), (5, 9)",
        )?;
        Ok(Self(Arc::new(Mutex::new(db))))
    }

    /// Runs a query where blocking does no harm.
    async fn run<T, F>(&self, query: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> T + Send + 'static,
    {
        let db = self.0.clone();
        let query = move || query(&db.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = tokio::task::spawn_blocking(query).await;
        answer.expect("the query does not panic")
    }
}

type App = (Arc<dyn UserStore>, Cache);
type Answer = Result<Json<Value>, StatusCode>;
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

async fn get_user(State((users, _)): State<App>, Path(id): Path<u32>) -> Answer {
    let user = users.find(id).await.map_err(|_| FAILED)?;
    user.map_or(Err(StatusCode::NOT_FOUND), |user| Ok(Json(json!(user))))
}

/// N+1: a query for the orders, and one for each of their users.
async fn get_orders_one_by_one(State((users, _)): State<App>) -> Answer {
    let mut found = HashMap::new();
    let orders = users.orders().await.map_err(|_| FAILED)?;
    for order in &orders {
        let user = users.find(order.user).await.map_err(|_| FAILED)?;
        found.extend(user.map(|user| (order.user, user)));
    }
    Ok(with_names(&orders, &found))
}

/// A query for the orders, and one for all of their users that are not in the cache.
async fn get_orders(State((users, _)): State<App>) -> Answer {
    let orders = users.orders().await.map_err(|_| FAILED)?;
    let ids: Vec<_> = orders.iter().map(|order| order.user).collect();
    let found = users.find_many(&ids).await.map_err(|_| FAILED)?;
    Ok(with_names(&orders, &found))
}

fn with_names(orders: &[Order], users: &HashMap<u32, User>) -> Json<Value> {
    let names = orders.iter().map(|order| {
        let user = users.get(&order.user).map(|user| &user.name);
        json!({ "order": order.id, "user": user })
    });
    Json(names.collect())
}

async fn put_user(State((users, _)): State<App>, Path(id): Path<u32>, name: String) -> Answer {
    users.rename(id, name).await.map_err(|_| FAILED)?;
    Ok(Json(json!("renamed")))
}

async fn get_stats(State((_, cache)): State<App>) -> Json<Value> {
    let stats = cache.stats();
    Json(json!({ "hits": stats.hit, "misses": stats.miss }))
}

/// That the service lives. It does so without Redis, too: what is known of that is for people to read.
async fn get_healthz(State((_, cache)): State<App>) -> Json<Health> {
    Json(cache.health())
}

/// That Redis answers, for a service that is not to get traffic before its cache works.
async fn get_readyz(State((_, cache)): State<App>) -> Result<&'static str, (StatusCode, String)> {
    let ready = cache.ready(Duration::from_secs(1)).await;
    let not_yet = |error: redis_func_cache::Error| (NOT_READY, error.to_string());
    ready.map(|()| "ready").map_err(not_yet)
}

fn routes(router: Router<App>, users: impl UserStore + 'static, cache: &Cache) -> Router {
    let app: App = (Arc::new(users), cache.clone());
    router
        .route("/users/{id}", get(get_user).put(put_user))
        .route("/orders", get(get_orders))
        .route("/orders/one-by-one", get(get_orders_one_by_one))
        .route("/stats", get(get_stats))
        .route("/cache", get(get_report))
        .route("/cache.json", get(get_report_json))
        .route("/healthz", get(get_healthz))
        .route("/readyz", get(get_readyz))
        .with_state(app)
}

/// How well each method does, for a person.
async fn get_report(State((_, cache)): State<App>) -> String {
    cache.report().to_string()
}

/// The same for a machine.
async fn get_report_json(State((_, cache)): State<App>) -> Json<Value> {
    Json(json!(cache.report()))
}

/// Adds `/metrics`. The recorder is installed before there is a cache.
#[cfg(feature = "metrics")]
fn with_metrics(router: Router<App>) -> Result<Router<App>, Box<dyn Error>> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let exporter = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    let scrape = move || std::future::ready(exporter.render());
    Ok(router.route("/metrics", get(scrape)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = std::env::var("DATABASE").unwrap_or_else(|_| ":memory:".to_owned());
    let router = Router::new();
    #[cfg(feature = "metrics")]
    let router = with_metrics(router)?;
    let cache = Cache::from_env("service")?;
    let users = Sqlite::open(&database)?.cached(&cache);
    let port = std::env::var("PORT").map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    let server = axum::serve(listener, routes(router, users, &cache));
    if std::env::args().any(|argument| argument == "--self-test") {
        cache.purge().await?; // entries of an earlier run on a shared server
        tokio::spawn(server.into_future());
        return Ok(tokio::task::spawn_blocking(move || self_test::run(address)).await??);
    }
    Ok(server.await?)
}
