//! Entries that the result of a method names: `#[invalidates(by_email(&ok.email))]`.

use std::sync::Mutex;

use futures_util::FutureExt as _;
use redis_func_cache::{Cache, CacheExt as _, CacheMutExt as _, cache_impl};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::entry_point::{current, within};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    email: String,
}

#[derive(Default)]
struct Db {
    users: Mutex<Vec<User>>,
    has_begun: Notify,
}

/// What a write comes to.
#[derive(Clone, Copy)]
enum Outcome {
    Succeeds,
    Fails,
    Panics,
    NeverEnds,
}

impl Db {
    fn get(&self, wanted: impl Fn(&User) -> bool) -> Option<User> {
        let users = self.users.lock().unwrap();
        users.iter().find(|user| wanted(user)).cloned()
    }

    /// Another address, whatever becomes of the caller.
    async fn rename(&self, id: u64, outcome: Outcome) -> Result<User, String> {
        let changed = {
            let mut users = self.users.lock().unwrap();
            let user = users.iter_mut().find(|user| user.id == id).unwrap();
            let old = user.clone();
            user.id += 100;
            old
        };
        self.has_begun.notify_one();
        match outcome {
            Outcome::Succeeds => Ok(changed),
            Outcome::Fails => Err("no".to_owned()),
            Outcome::Panics => panic!("as the test asks"),
            Outcome::NeverEnds => std::future::pending().await,
        }
    }
}

fn db() -> Db {
    let users = [1, 2].map(|id| User {
        id,
        email: format!("{id}@b"),
    });
    Db {
        users: Mutex::new(users.to_vec()),
        ..Db::default()
    }
}

struct Users {
    db: Db,
}

#[cache_impl(self_key = ())]
impl Users {
    async fn by_email(&self, email: &str) -> Option<User> {
        self.db.get(|user| user.email == email)
    }

    async fn in_group(&self, group: String, id: u64) -> Option<User> {
        let _ = group;
        self.db.get(|user| user.id == id)
    }

    #[nocache]
    #[invalidates(by_email(&ok.email), in_group(group, ok.id))]
    async fn rename(&self, id: u64, group: String, outcome: Outcome) -> Result<User, String> {
        drop(group);
        self.db.rename(id, outcome).await
    }

    #[nocache]
    #[invalidates(by_email(&ok.email))]
    fn rename_later(&self, id: u64) -> impl Future<Output = Result<User, String>> {
        self.db.rename(id, Outcome::Succeeds)
    }

    #[nocache]
    #[invalidates(each by_email(ok.iter().map(|user| user.email.as_str())))]
    fn rename_all(&self) -> Vec<User> {
        let rename = |id| self.db.rename(id, Outcome::Succeeds).now_or_never();
        [1, 2].map(|id| rename(id).unwrap().unwrap()).to_vec()
    }

    #[nocache]
    #[invalidates(by_email(&ok.as_ref().expect("there is one").email))]
    fn rename_if(&self, id: u64, is_there: bool) -> Option<User> {
        let renamed = self.db.rename(id, Outcome::Succeeds).now_or_never();
        renamed.unwrap().ok().filter(|_| is_there)
    }
}

/// The entries of both users, as a call gives them.
async fn found(users: &CachedUsers) -> [Option<u64>; 4] {
    [
        users.by_email("1@b").await.map(|user| user.id),
        users.by_email("2@b").await.map(|user| user.id),
        users.in_group("a".to_owned(), 1).await.map(|user| user.id),
        users.in_group("b".to_owned(), 1).await.map(|user| user.id),
    ]
}

const BEFORE: [Option<u64>; 4] = [Some(1), Some(2), Some(1), Some(1)];

async fn users() -> CachedUsers {
    let cache = Cache::builder("shop").build().unwrap();
    let users = Users { db: db() }.cached(&cache);
    assert_eq!(found(&users).await, BEFORE);
    users
}

#[tokio::test]
async fn the_result_names_entries() {
    let users = users().await;
    let renamed = users.rename(1, "a".to_owned(), Outcome::Succeeds).await;
    assert_eq!(renamed.unwrap().id, 1);
    // One group stays as it was: its entry is named by the argument.
    assert_eq!(found(&users).await, [Some(101), Some(2), None, Some(1)]);
}

#[tokio::test]
async fn an_error_has_no_result_and_drops_nothing() {
    let users = users().await;
    let failed = users.rename(1, "a".to_owned(), Outcome::Fails).await;
    failed.unwrap_err();
    assert_eq!(found(&users).await, BEFORE);
}

#[tokio::test]
async fn the_result_of_a_future_and_of_a_sync_method_names_entries() {
    let users = users().await;
    users.rename_later(1).await.unwrap();
    assert_eq!(found(&users).await, [Some(101), Some(2), Some(1), Some(1)]);

    let users = self::users().await;
    assert_eq!(users.rename_all().len(), 2);
    let renamed = [Some(101), Some(102), Some(1), Some(1)];
    assert_eq!(found(&users).await, renamed);
}

/// It may have written, and no one knows which entries: so all of those methods are dropped.
#[tokio::test]
async fn without_a_result_all_entries_that_it_might_name_are_dropped() {
    let all = [Some(101), Some(2), None, None];
    let users = users().await;
    let call = users.rename(1, "a".to_owned(), Outcome::Panics);
    let panicked = std::panic::AssertUnwindSafe(call).catch_unwind().await;
    panicked.unwrap_err();
    becomes(&users, all).await;

    let users = self::users().await;
    let inner = CachedUsers::inner(&users);
    let call = users.rename(1, "a".to_owned(), Outcome::NeverEnds);
    tokio::select! {
        _ = call => unreachable!("it never ends"),
        () = inner.db.has_begun.notified() => {}
    }
    becomes(&users, all).await;
}

#[tokio::test]
async fn all_entries_are_dropped_where_the_expression_panics() {
    let users = users().await;
    let call = std::panic::AssertUnwindSafe(|| users.rename_if(1, false));
    std::panic::catch_unwind(call).unwrap_err();
    becomes(&users, [Some(101), Some(2), Some(1), Some(1)]).await;
    assert_eq!(users.by_email("2@b").await.unwrap().id, 2);
}

/// In the background: soon.
async fn becomes(users: &CachedUsers, expected: [Option<u64>; 4]) {
    for _ in 0..500 {
        if found(users).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(found(users).await, expected);
}

struct InPlace {
    id: u64,
    db: Db,
}

#[cache_impl(cache = current(), self_key = self.id)]
impl InPlace {
    async fn email(&self, id: u64) -> Option<String> {
        self.db.get(|user| user.id == id).map(|user| user.email)
    }

    #[nocache]
    #[invalidates(email(ok.id), Users::by_email(&ok.email))]
    async fn rename(&mut self, id: u64) -> Result<User, String> {
        self.db.rename(id, Outcome::Succeeds).await
    }
}

#[tokio::test]
async fn the_result_names_entries_of_a_value_that_was_lent_mutably() {
    let cache = Cache::builder("shop").build().unwrap();
    within(&cache, async {
        let mut value = InPlace { id: 9, db: db() };
        let users = Users { db: db() }.cached(&cache);
        assert!(value.email(1).await.is_some());
        assert_eq!(found(&users).await, BEFORE);
        value.rename(1).await.unwrap();
        assert_eq!(value.email(1).await, None);
        let inner = CachedUsers::inner(&users);
        for id in [1, 2] {
            inner.db.rename(id, Outcome::Succeeds).await.unwrap();
        }
        let only_one_was_dropped = [Some(101), Some(2), Some(1), Some(1)];
        assert_eq!(found(&users).await, only_one_was_dropped);
    })
    .await;
}

trait Accounts {
    async fn email(&mut self, id: u64) -> Option<String>;
    async fn rename(&mut self, id: u64) -> Result<User, String>;
    async fn close(self, id: u64) -> Result<User, String>;
}

struct Connection(Db);

#[cache_impl(self_key = ())]
impl Accounts for Connection {
    #[cache]
    async fn email(&mut self, id: u64) -> Option<String> {
        self.0.get(|user| user.id == id).map(|user| user.email)
    }

    #[invalidates(email(ok.id))]
    async fn rename(&mut self, id: u64) -> Result<User, String> {
        self.0.rename(id, Outcome::Succeeds).await
    }

    #[invalidates(email(id))]
    async fn close(self, id: u64) -> Result<User, String> {
        self.0.rename(id, Outcome::Succeeds).await
    }
}

#[tokio::test]
async fn the_result_names_entries_of_a_value_that_the_wrapper_owns() {
    let cache = Cache::builder("shop").build().unwrap();
    let mut accounts = Connection(db()).cached_mut(&cache);
    assert!(accounts.email(1).await.is_some());
    assert!(accounts.email(2).await.is_some());
    accounts.rename(1).await.unwrap();
    assert_eq!(accounts.email(1).await, None);
    accounts.close(2).await.unwrap();
    let mut next = Connection(Db::default()).cached_mut(&cache);
    assert_eq!(next.email(2).await, None, "its entry was dropped");
}
