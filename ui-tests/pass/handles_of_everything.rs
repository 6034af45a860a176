#![deny(warnings)]
//! Every function of a handle, and all of its futures can be spawned.

use std::time::Duration;

use redis_func_cache::{BlockingEntryHandle, Cache, CacheExt as _, EntryHandle, cache_impl};

struct Repo(std::sync::atomic::AtomicU8);

#[cache_impl(ttl = "5m")]
impl Repo {
    async fn find(&self, id: &str) -> Result<String, u8> {
        Ok(id.to_owned())
    }
    async fn alone(&self) -> u8 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }
    async fn skips(&self, #[cache_skip] by: &str, id: u8) -> Option<String> {
        (id > 0).then(|| by.to_owned())
    }
    #[cache]
    fn sync(&self, id: &str) -> Vec<String> {
        vec![id.to_owned()]
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo(0.into()).cached(&cache);
    let id = String::from("a");

    let handle: EntryHandle<'_, _, Result<String, u8>, _> = repo.entry().find(&id);
    assert_eq!(is_send(handle.peek()).await.unwrap(), None);
    is_send(handle.put(&"b".to_owned())).await.unwrap();
    assert_eq!(repo.find("a").await.unwrap(), "b");
    assert!(is_send(handle.ttl()).await.unwrap().unwrap() <= Duration::from_secs(300));
    assert!(is_send(handle.invalidate()).await.unwrap());
    assert_eq!(is_send(handle.refresh()).await.unwrap(), "a");

    assert_eq!((repo.alone().await, repo.alone().await), (0, 0));
    assert_eq!(is_send(repo.entry().alone().refresh()).await, 1);
    assert_eq!(repo.alone().await, 1);
    repo.entry().skips(1).put(&None).await.unwrap();
    assert_eq!(repo.entry().skips(1).peek().await.unwrap(), Some(None));
    assert_eq!(
        is_send(repo.entry().skips(1).refresh("x")).await.unwrap(),
        "x"
    );

    let handle: BlockingEntryHandle<'_, _, Vec<String>, _> = repo.entry().sync(&id);
    handle.put(&vec![]).unwrap();
    assert_eq!(handle.peek().unwrap().unwrap().len(), 0);
    assert!(handle.ttl().unwrap().is_some());
    assert!(handle.invalidate().unwrap());
    assert_eq!(handle.refresh(), ["a"]);

    let spawned = repo.clone();
    let found = tokio::spawn(async move { spawned.entry().find("z").refresh().await });
    assert_eq!(found.await.unwrap().unwrap(), "z");
    let entries = repo.entry();
    let copy = entries;
    assert_eq!(format!("{entries:?}"), format!("{copy:?}"));
}
