//! `#[updates(find(id))]`: what a method that writes returns is the entry of another one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use redis_func_cache::{Cache, CacheExt as _, CacheMutExt as _, cache_impl};
use serde::{Deserialize, Serialize};

use crate::entry_point::{current, within};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

impl User {
    fn is_complete(&self) -> bool {
        !self.name.is_empty()
    }
}

type Written<T = User> = Result<T, String>;

/// The rows, and how many reads there were.
#[derive(Default)]
struct Db {
    rows: Mutex<Vec<User>>,
    reads: AtomicU64,
}

impl Db {
    fn read(&self, id: u64) -> Written {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let rows = self.rows.lock().unwrap();
        let row = rows.iter().rfind(|user| user.id == id).cloned();
        row.ok_or_else(|| "there is none".to_owned())
    }

    fn write(&self, id: u64, name: &str) -> User {
        let name = name.to_owned();
        let user = User { id, name };
        self.rows.lock().unwrap().push(user.clone());
        user
    }

    fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Users {
    db: Db,
}

#[cache_impl(self_key = ())]
impl Users {
    async fn find(&self, id: u64) -> Result<User, String> {
        self.db.read(id)
    }

    fn look(&self, id: &str) -> User {
        self.db.read(id.parse().unwrap()).unwrap()
    }

    #[cache(cache_if = User::is_complete)]
    async fn complete(&self, id: u64, #[cache_skip] _ctx: &str) -> Written {
        self.db.read(id)
    }

    #[cache(batch = ids, cache_if = User::is_complete)]
    async fn find_many(&self, ids: &[u64]) -> Vec<User> {
        ids.iter().map(|id| self.db.read(*id).unwrap()).collect()
    }

    async fn name(&self, id: u64) -> Option<String> {
        self.db.read(id).ok().map(|user| user.name)
    }

    #[nocache]
    #[updates(find(id), look(&id.to_string()), Self::complete(id), find_many(id))]
    #[invalidates(name(ok.id))]
    async fn rename(&self, id: u64, name: &str) -> Written {
        Ok(self.db.write(id, name))
    }

    #[nocache]
    #[updates(find(user.id))]
    fn save(&self, user: User) -> User {
        let User { id, name } = user;
        self.db.write(id, &name)
    }

    #[nocache]
    #[updates(find(id))]
    #[invalidates(find(ok.id))]
    fn save_later(&self, id: u64, name: &str) -> impl Future<Output = Written> {
        let saved = self.db.write(id, name);
        async move { Ok(saved) }
    }

    #[nocache]
    #[updates(find(id))]
    async fn fail(&self, id: u64, panics: bool) -> Written {
        self.db.write(id, "half");
        assert!(!panics, "as the test asks");
        Err("no".to_owned())
    }
}

fn users() -> CachedUsers {
    let cache = Cache::builder("shop").ttl(Duration::from_secs(60));
    let users = Users::default();
    users.db.write(1, "Ann");
    users.cached(&cache.build().unwrap())
}

async fn names(users: &CachedUsers) -> [String; 5] {
    [
        users.find(1).await.unwrap().name,
        users.look("1").name,
        users.complete(1, "").await.unwrap().name,
        users.find_many(&[1]).await[0].name.clone(),
        users.name(1).await.unwrap(),
    ]
}

#[tokio::test]
async fn what_a_write_returns_is_the_entry_of_each_method_that_it_names() {
    let users = users();
    let db = &CachedUsers::inner(&users).db;
    assert_eq!(names(&users).await, ["Ann"; 5]);
    db.reads();
    users.rename(1, "Bea").await.unwrap();
    assert_eq!(names(&users).await, ["Bea"; 5]);
    assert_eq!(
        db.reads(),
        1,
        "one entry was dropped, and none of the others"
    );
    let left = users.entry().find(1).ttl().await.unwrap();
    assert!(left <= Some(Duration::from_secs(60)), "{left:?}");
}

/// Also of methods whose handles cannot run them.
#[tokio::test]
async fn a_value_that_the_method_does_not_store_is_not_stored_by_an_update() {
    let users = users();
    let db = &CachedUsers::inner(&users).db;
    names(&users).await;
    db.reads();
    users.rename(1, "").await.unwrap();
    assert_eq!(names(&users).await, [""; 5]);
    assert_eq!(
        db.reads(),
        3,
        "the two with a condition, and the one that was dropped"
    );
}

#[tokio::test]
async fn sync_methods_and_futures_update_as_well() {
    let users = users();
    let db = &CachedUsers::inner(&users).db;
    users.find(1).await.unwrap();
    db.reads();
    let (id, name) = (1, "Bea".to_owned());
    let saved = users.save(User { id, name });
    assert_eq!(users.find(1).await.unwrap(), saved);
    let saved = users.save_later(1, "Cleo").await.unwrap();
    assert_eq!(users.find(1).await.unwrap(), saved);
    assert_eq!((saved.name.as_str(), db.reads()), ("Cleo", 0));
}

#[tokio::test]
async fn an_error_leaves_the_entry_and_a_panic_drops_it() {
    let users = users();
    users.find(1).await.unwrap();
    users.fail(1, false).await.unwrap_err();
    assert_eq!(users.find(1).await.unwrap().name, "Ann");
    let call = std::panic::AssertUnwindSafe(users.fail(1, true));
    call.catch_unwind().await.unwrap_err();
    for _ in 0..500 {
        if users.find(1).await.unwrap().name == "half" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the entry is still there");
}

#[tokio::test]
async fn in_a_transaction_an_update_is_an_invalidation() {
    let users = users();
    let cache = Cache::builder("other").build().unwrap();
    let users_there = Users::default().cached(&cache);
    users.find(1).await.unwrap();
    let written = cache.after_commit(async {
        users_there.rename(1, "Bea").await?;
        let stored = users_there.entry().find(1).peek().await.unwrap();
        assert_eq!(stored, None);
        Written::Ok(())
    });
    written.await.unwrap();
    assert_eq!(users_there.entry().find(1).peek().await.unwrap(), None);
    assert_eq!(users.find(1).await.unwrap().name, "Ann");
}

struct Row {
    id: u64,
    db: Db,
}

#[cache_impl(cache = current(), self_key = self.id)]
impl Row {
    async fn user(&self) -> Written {
        self.db.read(self.id)
    }

    async fn by_id(#[cache_skip] db: &Db, id: u64) -> Written {
        db.read(id)
    }

    #[nocache]
    #[updates(user(), by_id(self.id))]
    async fn rename(&mut self, name: &str) -> Written {
        Ok(self.db.write(self.id, name))
    }
}

trait Account {
    async fn user(&mut self, id: u64) -> Written;
    async fn rename(&mut self, id: u64, name: &str) -> Written;
}

struct Connection(Db);

#[cache_impl(self_key = ())]
impl Account for Connection {
    #[cache]
    async fn user(&mut self, id: u64) -> Written {
        self.0.read(id)
    }

    #[updates(user(id))]
    async fn rename(&mut self, id: u64, name: &str) -> Written {
        Ok(self.0.write(id, name))
    }
}

#[tokio::test]
async fn a_value_that_is_lent_mutably_updates_its_entries() {
    let cache = Cache::builder("shop").build().unwrap();
    within(&cache, async {
        let db = Db::default();
        let mut row = Row { id: 1, db };
        row.rename("Ann").await.unwrap();
        assert_eq!(row.user().await.unwrap().name, "Ann");
        assert_eq!(Row::by_id(&row.db, 1).await.unwrap().name, "Ann");
        assert_eq!(row.db.reads(), 0);
    })
    .await;
    let mut account = Connection(Db::default()).cached_mut(&cache);
    account.rename(1, "Ann").await.unwrap();
    assert_eq!(account.user(1).await.unwrap().name, "Ann");
    assert_eq!(CachedConnection::inner(&account).0.reads(), 0);
}
