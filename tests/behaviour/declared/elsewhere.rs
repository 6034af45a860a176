//! Entries of other wrappers, blocks in place and functions, by their paths.

use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::Serialize;

use crate::entry_point::{current, within};

/// A row that all of them read.
static ROW: AtomicU64 = AtomicU64::new(0);

fn row() -> u64 {
    ROW.fetch_add(1, Ordering::SeqCst)
}

mod orders {
    use super::*;

    pub(super) struct Orders;

    #[cache_impl]
    impl Orders {
        pub(super) async fn of(&self, user: u64) -> u64 {
            row() + user
        }

        pub(super) fn total(&self, #[cache_skip] _ctx: &str, user: u64, year: &str) -> String {
            format!("{} {user} {year}", row())
        }
    }

    /// With something of `self` in its keys.
    pub(super) struct Carts {
        pub(super) tenant: String,
    }

    #[cache_impl(self_key = self.tenant)]
    impl Carts {
        pub(super) async fn of(&self, user: u64) -> u64 {
            row() + user
        }
    }

    /// Generic, and of a trait.
    pub(super) struct Store<D>(pub(super) D);

    pub(super) trait Find<K> {
        async fn get(&self, key: K) -> u64;
    }

    #[cache_impl]
    impl<D: Send + Sync + 'static, K: Serialize + Send> Find<K> for Store<D> {
        async fn get(&self, key: K) -> u64 {
            let _ = key;
            row()
        }
    }

    pub(super) struct Joined;

    #[cache_impl]
    impl Joined {
        pub(super) async fn first(&self, id: u64) -> u64 {
            row() + id
        }
    }

    #[cache_impl(wrapper = CachedJoined)]
    impl Joined {
        pub(super) async fn second(&self, id: u64) -> u64 {
            row() + id
        }
    }
}

mod in_place {
    use super::*;

    pub(super) struct User {
        pub(super) id: u64,
    }

    #[cache_impl(cache = current(), self_key = self.id)]
    impl User {
        pub(super) async fn by_email(email: &str) -> String {
            format!("{email} {}", row())
        }

        pub(super) async fn orders(&self, n: u64) -> u64 {
            self.id + n + row()
        }
    }
}

mod rates {
    use super::*;

    #[cache_fn(cache = current())]
    pub(super) async fn rate(code: &str) -> String {
        format!("{code} {}", row())
    }

    #[cache_fn(cache = current())]
    pub(super) fn limit(code: &str, day: u64) -> String {
        format!("{code} {day} {}", row())
    }
}

use in_place::User;
use orders::{Carts, Find as _, Joined, Orders, Store};

/// The one that writes.
struct Users {
    tenant: String,
}

#[cache_impl(self_key = ())]
impl Users {
    async fn find(&self, id: u64) -> u64 {
        row() + id
    }

    #[nocache]
    #[invalidates(
        Self::find(id),
        Orders::of(id),
        orders::Orders::total(id, "2026"),
        Carts::of(&self.tenant, id),
        Store::<u8>::get::<u64>(id),
        Joined::first(id),
        Joined::second(id),
        User::by_email(email),
        User::orders(id, 3),
        rates::rate("EUR"),
        self::rates::limit("EUR", id),
    )]
    async fn change(&self, id: u64, email: &str) -> Result<(), String> {
        let _ = (id, email);
        Ok(())
    }

    #[nocache]
    #[invalidates(Orders::of(..), <Carts>::of(..), User::by_email(..), User::orders(..), rates::rate(..), rates::limit(..))]
    fn change_all(&self, fails: bool) -> Result<(), String> {
        if fails { Err("no".to_owned()) } else { Ok(()) }
    }

    #[nocache]
    #[invalidates(each Orders::of(ids), each Carts::of(&self.tenant, ids), each rates::limit("EUR", ids))]
    fn change_each(&self, ids: &[u64]) -> impl Future<Output = usize> {
        let count = ids.len();
        async move { count }
    }
}

/// In place as well.
struct Clerk;

#[cache_impl(cache = current())]
impl Clerk {
    async fn look(id: u64) -> u64 {
        row() + id
    }

    #[nocache]
    #[invalidates(Self::look(id), User::by_email(email), rates::rate("EUR"))]
    async fn change(&mut self, id: u64, email: &str) {
        let _ = (id, email);
    }
}

/// What each of them returns; twice the same if it is cached.
async fn read(cache: &Cache, id: u64) -> Vec<String> {
    let users = users().cached(cache);
    let (orders, joined) = (Orders.cached(cache), Joined.cached(cache));
    let carts = ["a", "b"].map(|tenant| {
        let tenant = tenant.to_owned();
        Carts { tenant }.cached(cache)
    });
    let user = User { id };
    within(cache, async {
        vec![
            users.find(id).await.to_string(),
            orders.of(id).await.to_string(),
            orders.total("", id, "2026"),
            carts[0].of(id).await.to_string(),
            Store(0_u8).cached(cache).get(id).await.to_string(),
            joined.first(id).await.to_string(),
            joined.second(id).await.to_string(),
            User::by_email(&format!("{id}@b")).await,
            user.orders(3).await.to_string(),
            rates::rate("EUR").await,
            rates::limit("EUR", id),
            Clerk::look(id).await.to_string(),
            // From here on no call names them.
            carts[1].of(id).await.to_string(),
            Store(0_u16).cached(cache).get(id).await.to_string(),
            rates::rate("USD").await,
        ]
    })
    .await
}

fn users() -> Users {
    Users {
        tenant: "a".to_owned(),
    }
}

/// Which of them are computed again.
async fn changed(cache: &Cache, id: u64, write: impl Future<Output = ()>) -> Vec<usize> {
    let before = read(cache, id).await;
    assert_eq!(before, read(cache, id).await, "they are cached");
    within(cache, write).await;
    let after = read(cache, id).await;
    (0..before.len())
        .filter(|at| before[*at] != after[*at])
        .collect()
}

fn cache() -> Cache {
    Cache::builder("shop").build().unwrap()
}

#[tokio::test]
async fn entries_of_other_types_and_functions_are_dropped_by_their_paths() {
    let cache = cache();
    let writer = users().cached(&cache);
    let found = changed(&cache, 7, async {
        writer.change(7, "7@b").await.unwrap();
    });
    assert_eq!(found.await, (0..11).collect::<Vec<_>>());
    let found = changed(&cache, 7, async {
        writer.change(8, "8@b").await.unwrap();
    });
    assert_eq!(found.await, [9], "the rate alone is the same for all");
}

#[tokio::test]
async fn all_entries_of_a_method_elsewhere_are_dropped_and_none_after_an_error() {
    let cache = cache();
    let writer = users().cached(&cache);
    let found = changed(&cache, 7, async {
        writer.change_all(true).unwrap_err();
    });
    assert_eq!(found.await, [0; 0]);
    let found = changed(&cache, 7, async {
        writer.change_all(false).unwrap();
    });
    assert_eq!(found.await, [1, 3, 7, 8, 9, 10, 12, 14]);
}

#[tokio::test]
async fn one_entry_elsewhere_is_dropped_for_each_element() {
    let cache = cache();
    let writer = users().cached(&cache);
    let found = changed(&cache, 7, async {
        assert_eq!(writer.change_each(&[6, 7]).await, 2);
    });
    assert_eq!(found.await, [1, 3, 10]);
    let found = changed(&cache, 7, async {
        assert_eq!(writer.change_each(&[6, 8]).await, 2);
    });
    assert_eq!(found.await, [0; 0]);
}

#[tokio::test]
async fn a_method_in_place_drops_entries_elsewhere() {
    let cache = cache();
    let found = changed(&cache, 7, async { Clerk.change(7, "7@b").await });
    assert_eq!(found.await, [7, 9, 11]);
}

/// A block in place and a function say which cache is theirs; a wrapper's entries are in the cache of the writer.
#[tokio::test]
async fn what_is_in_place_is_dropped_in_its_own_cache() {
    let (of_writer, of_others) = (cache(), cache());
    let writer = users().cached(&of_writer);
    let read = || async {
        let in_place = within(&of_others, async {
            (User::by_email("7@b").await, rates::rate("EUR").await)
        });
        (
            in_place.await,
            Orders.cached(&of_writer).of(7).await,
            Orders.cached(&of_others).of(7).await,
        )
    };
    let before = read().await;
    assert_eq!(before, read().await);
    within(&of_others, async { writer.change(7, "7@b").await })
        .await
        .unwrap();
    let after = read().await;
    assert_ne!(before.0.0, after.0.0);
    assert_ne!(before.0.1, after.0.1);
    assert_ne!(before.1, after.1, "in the cache of the writer");
    assert_eq!(before.2, after.2, "in another cache");
}
