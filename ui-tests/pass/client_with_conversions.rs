#![deny(warnings)]
//! A client of an API as people write it: arguments are whatever converts, and the caller chooses what is parsed.

use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Debug)]
struct ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Repository {
    full_name: String,
}

struct Client {
    base: String,
    sent: AtomicU64,
}

#[cache_impl(ttl = "10m", self_key = self.base)]
impl Client {
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            sent: AtomicU64::new(0),
        }
    }

    pub async fn repository(
        &self,
        owner: impl AsRef<str>,
        name: impl AsRef<str>,
    ) -> Result<Repository, ApiError> {
        self.get(format!("/repos/{}/{}", owner.as_ref(), name.as_ref()))
            .await
    }

    pub async fn search(
        &self,
        query: impl Into<String>,
        labels: impl AsRef<[String]>,
        after: Option<impl AsRef<str>>,
    ) -> Result<Vec<Repository>, ApiError> {
        let query = format!("{}+{}", query.into(), labels.as_ref().join("+"));
        let after = after.map(|after| after.as_ref().to_owned());
        let full_name = self
            .get(format!(
                "/search?q={query}&after={}",
                after.unwrap_or_default()
            ))
            .await?;
        Ok(vec![Repository { full_name }])
    }

    pub async fn by_ids(&self, ids: impl IntoIterator<Item = u64>) -> Result<Vec<u64>, ApiError> {
        self.send();
        Ok(ids.into_iter().map(|id| id * 2).collect())
    }

    pub async fn get<T: Serialize + DeserializeOwned>(
        &self,
        path: impl ToString,
    ) -> Result<T, ApiError> {
        self.send();
        let path = path.to_string();
        let object = serde_json::json!({ "full_name": path });
        serde_json::from_value(object)
            .or_else(|_| serde_json::from_value(path.into()))
            .map_err(|_| ApiError)
    }

    #[nocache]
    pub async fn star(&self, owner: impl AsRef<str>) -> Result<usize, ApiError> {
        self.send();
        Ok(owner.as_ref().len())
    }
}

impl Client {
    fn send(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("api").build().unwrap();
    let client = Client::new("https://api").cached(&cache);
    let sent = || CachedClient::inner(&client).sent.swap(0, Ordering::Relaxed);

    // One entry, however the argument is held.
    let one = client.repository("rust-lang", "rust").await.unwrap();
    let two = client
        .repository(String::from("rust-lang"), "rust")
        .await
        .unwrap();
    assert_eq!(
        (&one, &one.full_name[..], sent()),
        (&two, "/repos/rust-lang/rust", 1)
    );

    let labels = vec!["easy".to_owned()];
    for _ in 0..2 {
        let found = client.search("cache", &labels, Some("x")).await.unwrap();
        assert_eq!(found[0].full_name, "/search?q=cache+easy&after=x");
        assert_eq!(client.by_ids([1, 2]).await.unwrap(), [2, 4]);
        assert_eq!(client.by_ids(vec![1, 2]).await.unwrap(), [2, 4]);
    }
    assert_eq!(sent(), 2);

    // The type that the caller chooses is in the key.
    for _ in 0..2 {
        assert_eq!(
            client.get::<Repository>("/x").await.unwrap().full_name,
            "/x"
        );
        assert_eq!(client.get::<String>("/x").await.unwrap(), "/x");
    }
    assert_eq!(sent(), 2);
    assert_eq!((client.star("rust-lang").await.unwrap(), sent()), (9, 1));
}
