//! What the guide warns of is so, and what it says to do instead helps.

use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::private::{
    Call, Method, Options, canonical_bytes, engine, read_entry, write_entry,
};
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::{Deserialize, Serialize};

fn cache(name: &str) -> Cache {
    Cache::builder(name).build().unwrap()
}

struct Ctx {
    may_search: bool,
}

struct Documents;

#[cache_impl]
impl Documents {
    async fn search(&self, #[cache_skip] ctx: &Ctx, term: &str) -> Result<String, ()> {
        if ctx.may_search {
            Ok(term.to_owned())
        } else {
            Err(())
        }
    }

    async fn search_as(&self, may_search: bool, term: &str) -> Result<String, ()> {
        if may_search {
            Ok(term.to_owned())
        } else {
            Err(())
        }
    }
}

#[tokio::test]
async fn a_check_in_a_cached_method_does_not_run_on_a_hit() {
    let repo = Documents.cached(&cache("check"));
    let [admin, other] = [true, false].map(|may_search| Ctx { may_search });
    let secret = repo.search(&admin, "secret").await;
    assert_eq!(repo.search(&other, "secret").await, secret);
    // With what decides in the key.
    assert!(repo.search_as(true, "secret").await.is_ok());
    assert!(repo.search_as(false, "secret").await.is_err());
}

/// A row, and what a transaction that is not committed has written to it.
#[derive(Default)]
struct Table {
    row: AtomicU64,
    written: AtomicU64,
}

#[cache_impl]
impl Table {
    async fn find(&self) -> u64 {
        self.row.load(Ordering::SeqCst)
    }

    #[nocache]
    #[invalidates(find())]
    async fn set_in_transaction(&self, value: u64) {
        self.written.store(value, Ordering::SeqCst);
    }

    #[nocache]
    fn commit(&self) {
        let written = self.written.load(Ordering::SeqCst);
        self.row.store(written, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_invalidation_before_the_commit_leaves_the_old_row() {
    let repo = Table::default().cached(&cache("commit"));
    assert_eq!(repo.find().await, 0);
    repo.set_in_transaction(1).await;
    assert_eq!(repo.find().await, 0, "a reader comes in between");
    repo.commit();
    assert_eq!(repo.find().await, 0, "and has stored the old row");
    repo.entry().find().invalidate().await.unwrap();
    assert_eq!(repo.find().await, 1, "an invalidation after the commit");
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    User(u64),
    Order(u64),
}

#[derive(Serialize)]
#[serde(tag = "kind", content = "id")]
enum Tagged {
    User(u64),
    Order(u64),
}

mod user {
    #[derive(serde::Serialize)]
    pub(super) struct Id(pub(super) u64);
}

mod order {
    #[derive(serde::Serialize)]
    pub(super) struct Id(pub(super) u64);
}

#[test]
fn values_that_are_written_alike_are_one_key() {
    let bytes = |value: &dyn erased_serde::Serialize| canonical_bytes(value).unwrap();
    assert_eq!(bytes(&Untagged::User(7)), bytes(&Untagged::Order(7)));
    assert_eq!(bytes(&user::Id(7)), bytes(&order::Id(7)));
    assert_ne!(bytes(&Tagged::User(7)), bytes(&Tagged::Order(7)));
    assert_ne!(
        bytes(&("user", user::Id(7))),
        bytes(&("order", order::Id(7)))
    );
}

#[derive(Serialize, Deserialize)]
struct Before {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct WithDefault {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    team: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Required {
    name: String,
    roles: Vec<String>,
}

#[test]
fn a_field_with_a_default_makes_older_entries_hits_without_it() {
    static METHOD: Method = Method::new("guide::find", "find", [7; 20], Options::NONE);
    let cache = cache("default");
    let call = || Call::new(engine(&cache), &METHOD, |_| {});
    let name = || "Ann".to_owned();
    let entry = write_entry(call(), &Before { name: name() }).unwrap();
    let found = read_entry::<WithDefault>(call(), entry.clone());
    let (roles, team) = (Vec::new(), None);
    let hit = WithDefault {
        name: name(),
        roles,
        team,
    };
    assert_eq!(found, Some(hit));
    assert_eq!(read_entry::<Required>(call(), entry), None, "a miss");
}
