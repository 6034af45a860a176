//! The service on a cache that is made for tests: no server, a clock that is moved, a store that fails.

use std::net::SocketAddr;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Outcome, TestCache};

use axum::Router;

use super::{Sqlite, routes, self_test};

struct Service {
    cache: TestCache,
    address: SocketAddr,
}

impl Service {
    async fn start() -> Self {
        let cache = Cache::test();
        let users = Sqlite::open(":memory:").unwrap().cached(&cache);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, routes(Router::new(), users, &cache)).into_future());
        Self { cache, address }
    }

    async fn get(&self, path: &'static str) -> String {
        self.request("GET", path, "").await
    }

    async fn request(
        &self,
        method: &'static str,
        path: &'static str,
        body: &'static str,
    ) -> String {
        let address = self.address;
        let request = move || self_test::request(address, method, path, body);
        tokio::task::spawn_blocking(request).await.unwrap().unwrap()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let calls = self.cache.calls().into_iter();
        calls.map(|call| call.outcome).collect()
    }
}

#[tokio::test]
async fn a_user_is_read_from_the_database_every_five_minutes() {
    let service = Service::start().await;
    service.request("PUT", "/users/1", "Ada").await;
    service.get("/users/1").await;
    service.get("/users/1").await;
    service.cache.advance(Duration::from_secs(301));
    assert!(service.get("/users/1").await.contains("Ada"));
    assert_eq!(
        service.outcomes(),
        [Outcome::Led, Outcome::Hit, Outcome::Led]
    );
}

#[tokio::test]
async fn a_renamed_user_has_the_new_name_at_once() {
    let service = Service::start().await;
    for name in ["Ada", "Grace"] {
        service.request("PUT", "/users/1", name).await;
        assert!(service.get("/users/1").await.contains(name));
    }
}

#[tokio::test]
async fn the_service_answers_while_its_store_fails() {
    let service = Service::start().await;
    service.request("PUT", "/users/1", "Ada").await;
    assert_eq!(service.get("/readyz").await, "200 ready");
    service.cache.fail_reads(true);
    service.cache.fail_writes(true);
    assert!(service.get("/users/1").await.contains("Ada"));
    assert_eq!(service.outcomes(), [Outcome::Unavailable]);
    assert!(service.get("/readyz").await.starts_with("503 "));
    let health = service.get("/healthz").await;
    assert!(
        health.starts_with("200 ") && health.contains(r#""reads":"unavailable""#),
        "{health}"
    );
}
