//! Tags: entries of many methods that are invalidated, or expire, together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, CustomPolicy, ErrorKind, Policy, Tags, Touch, cache_impl,
};
use serde::{Deserialize, Serialize, Serializer};
use support::{Cluster, PATIENT, Server, check_pairs, unique};
use tokio::sync::watch;

/// What is in all rows, who owns each item, and whether executions wait.
#[derive(Default)]
struct Table {
    row: AtomicU64,
    owner: AtomicU64,
    runs: AtomicU64,
    began: AtomicU64,
    is_held: watch::Sender<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    owner: u64,
    row: u64,
}

impl Item {
    fn tags(&self) -> Tags {
        Tags::new().with("user", &self.owner)
    }
}

/// A tag that cannot be serialized for id 13, and panics for id 14.
struct Odd(u64);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 14);
        if self.0 == 13 {
            return Err(serde::ser::Error::custom("no"));
        }
        serializer.serialize_u64(self.0)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // `tags_fn` is given a reference
fn many_tags(row: &u64) -> Tags {
    (0..*row).fold(Tags::new(), |tags, n| tags.with("many", &n))
}

#[derive(Clone)]
struct Shop {
    table: Arc<Table>,
    tenant: u64,
}

impl Shop {
    /// The row as it is when the execution begins.
    async fn read(&self) -> u64 {
        let row = self.table.row.load(Ordering::SeqCst);
        self.table.runs.fetch_add(1, Ordering::SeqCst);
        self.table.began.fetch_add(1, Ordering::SeqCst);
        let mut is_held = self.table.is_held.subscribe();
        is_held.wait_for(|is_held| !is_held).await.unwrap();
        row
    }
}

#[cache_impl(ttl = "1h", self_key = self.tenant)]
impl Shop {
    #[cache(tags(user = user))]
    async fn orders(&self, user: u64, page: u64) -> u64 {
        let _ = (user, page);
        self.read().await
    }

    /// In a pair of its own.
    #[cache(tags(user = i64::try_from(user).unwrap(), tenant = self.tenant), maxsize = 100)]
    async fn profile(&self, user: u64) -> u64 {
        let _ = user;
        self.read().await
    }

    #[cache(tags_fn = Item::tags)]
    async fn item(&self, id: u64) -> Item {
        let _ = id;
        Item {
            owner: self.table.owner.load(Ordering::SeqCst),
            row: self.read().await,
        }
    }

    #[cache(batch = users, tags(user = users))]
    async fn names(&self, users: &[u64]) -> HashMap<u64, u64> {
        let row = self.read().await;
        users.iter().map(|user| (*user, row)).collect()
    }

    #[cache(tags(user = user), stale = "1h")]
    async fn feed(&self, user: u64) -> u64 {
        let _ = user;
        self.read().await
    }

    #[cache(tags(user = user))]
    fn count(&self, user: u64) -> u64 {
        let _ = user;
        self.table.runs.fetch_add(1, Ordering::SeqCst);
        self.table.row.load(Ordering::SeqCst)
    }

    async fn plain(&self, id: u64) -> u64 {
        let _ = id;
        self.read().await
    }

    #[cache(tags(odd = Odd(id)))]
    async fn odd(&self, id: u64) -> u64 {
        let _ = id;
        self.read().await
    }

    #[cache(tags_fn = many_tags)]
    async fn many(&self, id: u64) -> u64 {
        let _ = id;
        self.read().await
    }

    #[nocache]
    #[invalidates(tag(user = user))]
    async fn write(&self, user: u64, row: u64) -> Result<(), ()> {
        let _ = user;
        self.table.row.store(row, Ordering::SeqCst);
        Ok(())
    }
}

/// Two processes that share a cache and a table.
#[derive(Clone)]
struct Test {
    caches: [Cache; 2],
    shops: [CachedShop; 2],
    table: Arc<Table>,
    server: Option<Arc<Server>>,
}

impl Test {
    fn on(server: Option<&Arc<Server>>, build: impl Fn() -> Cache) -> Self {
        let table = Arc::<Table>::default();
        let caches = [build(), build()];
        let shop = |cache| {
            let table = table.clone();
            Shop { table, tenant: 5 }.cached(cache)
        };
        Self {
            shops: [shop(&caches[0]), shop(&caches[1])],
            caches,
            table,
            server: server.cloned(),
        }
    }

    fn runs(&self) -> u64 {
        self.table.runs.load(Ordering::SeqCst)
    }

    /// What every method with a tag says of a user, through both processes.
    async fn of_user(&self, user: u64) -> Vec<u64> {
        self.table.owner.store(user, Ordering::SeqCst);
        let mut all = Vec::new();
        for shop in &self.shops {
            all.extend([
                shop.orders(user, 1).await,
                shop.orders(user, 2).await,
                shop.profile(user).await,
                shop.item(user).await.row,
                shop.names(&[user, user + 1000]).await[&user],
                shop.count(user),
            ]);
        }
        all
    }

    async fn is_begun(&self, executions: u64) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.table.began.load(Ordering::SeqCst) < executions {
            assert!(Instant::now() < limit, "the execution begins");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

type Setting = fn(CacheBuilder) -> CacheBuilder;

const LAYOUTS: [Setting; 5] = [
    CacheBuilder::single,
    CacheBuilder::multiple,
    |builder| builder.single().touch(Touch::Exact),
    |builder| builder.single().cluster(),
    |builder| builder.multiple().cluster(),
];

/// In every layout: in memory, on a server, and on a cluster where the names are made for one.
async fn everywhere<F: Future<Output = ()>>(body: impl Fn(Test) -> F) {
    let (server, cluster) = (Arc::new(Server::start()), Cluster::start());
    for (at, layout) in LAYOUTS.iter().enumerate() {
        let name = unique("tags");
        let named = || layout(Cache::builder(&name)).deadline(PATIENT);
        let memory = named().memory().build().unwrap();
        body(Test::on(None, || memory.clone())).await;
        let on_server = || named().redis(server.url()).build().unwrap();
        body(Test::on(Some(&server), on_server)).await;
        if at >= 3 {
            let on_cluster = || named().redis_cluster(cluster.urls()).build().unwrap();
            body(Test::on(None, on_cluster)).await;
        }
    }
    check_pairs(&server);
}

/// Drops the entries of a user, after a write.
async fn write(test: &Test, way: u64, user: u64, row: u64) {
    let [here, there] = &test.shops;
    let [cache, other] = &test.caches;
    match way {
        0 => here.write(user, row).await.unwrap(),
        1 => there.write(user, row).await.unwrap(),
        2 => {
            let within = cache.after_commit(async {
                here.write(user, row).await?;
                assert_eq!(here.orders(user, 1).await, row, "its own write");
                Ok::<_, ()>(())
            });
            within.await.unwrap();
        }
        3 => {
            test.table.row.store(row, Ordering::SeqCst);
            cache.tag("user", &user).invalidate().await.unwrap();
        }
        _ => {
            test.table.row.store(row, Ordering::SeqCst);
            let other = other.clone();
            let dropped = move || {
                other
                    .tag("user", &u16::try_from(user).unwrap())
                    .invalidate_sync()
            };
            tokio::task::spawn_blocking(dropped).await.unwrap().unwrap();
        }
    }
}

const WAYS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_invalidated_across_methods_pairs_and_processes() {
    everywhere(|test| async move {
        for way in 0..WAYS {
            let before = test.table.row.load(Ordering::SeqCst);
            let old = test.of_user(1).await;
            test.of_user(2).await;
            let plain = test.shops[0].plain(1).await;
            let runs = test.runs();
            assert_eq!(test.of_user(1).await, old, "hits");
            assert_eq!(test.runs(), runs, "hits");
            write(&test, way, 1, before + 1).await;
            let new = vec![before + 1; old.len()];
            assert_eq!(test.of_user(1).await, new, "way {way}");
            let runs = test.runs();
            assert_eq!(test.of_user(1).await, new, "stored again");
            assert!(test.of_user(2).await.iter().all(|row| *row <= before));
            assert_eq!(test.shops[1].plain(1).await, plain);
            assert_eq!(test.runs(), runs, "of others nothing is lost, way {way}");
            test.caches[1].tag("tenant", &5).invalidate().await.unwrap();
            assert_eq!(test.shops[0].profile(2).await, before + 1);
            assert_eq!(test.runs(), runs + 1, "by its other tag, way {way}");
            test.of_user(1).await;
            let runs = runs + 2;
            assert_eq!(test.runs(), runs, "its profile has that tag, too");
            test.caches[0].tag("other", &1).invalidate().await.unwrap();
            test.caches[0].tag("user", "1").invalidate().await.unwrap();
            test.of_user(1).await;
            assert_eq!(test.runs(), runs, "another name, another value");
            test.caches[0].purge().await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_began_before_is_neither_stored_nor_joined() {
    everywhere(|test| async move {
        for way in 0..WAYS {
            for method in 0..4 {
                let call = |process: usize| {
                    let shop = test.shops[process].clone();
                    tokio::spawn(async move {
                        match method {
                            0 => shop.orders(1, 1).await,
                            1 => shop.profile(1).await,
                            2 => shop.item(1).await.row,
                            _ => shop.names(&[1, 7]).await[&1],
                        }
                    })
                };
                let before = test.table.row.load(Ordering::SeqCst);
                test.table.owner.store(1, Ordering::SeqCst);
                test.table.began.store(0, Ordering::SeqCst);
                // So that claims are made, and not leases asked for.
                test.shops[0].plain(before).await;
                test.table.is_held.send_replace(true);
                let early = call(0);
                test.is_begun(2).await;
                let held = test.table.is_held.clone();
                if way == 2 {
                    // It reads within the transaction.
                    held.send_replace(false);
                }
                write(&test, way, 1, before + 1).await;
                let late = [call(0), call(1)];
                tokio::time::sleep(Duration::from_millis(20)).await;
                held.send_replace(false);
                if way != 2 {
                    assert_eq!(early.await.unwrap(), before, "it was called before");
                }
                for late in late {
                    assert_eq!(late.await.unwrap(), before + 1, "way {way}, {method}");
                }
                for process in [0, 1] {
                    let later = call(process).await.unwrap();
                    assert_eq!(later, before + 1, "way {way}, {method}");
                }
                test.caches[0].purge().await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_of_a_value_are_those_of_the_value_that_is_stored() {
    everywhere(|test| async move {
        let [here, there] = &test.shops;
        let [cache, other] = &test.caches;
        let owned = |owner| Item { owner, row: 9 };
        let entry = || here.entry().item(1);
        let stored = async || there.entry().item(1).peek().await.unwrap();
        for way in 0..3 {
            test.table.owner.store(1, Ordering::SeqCst);
            assert_eq!(here.item(1).await.owner, 1);
            // Another owner, by each of the ways that values get into the store.
            match way {
                0 => entry().put(&owned(2)).await.unwrap(),
                1 => {
                    let token = entry().begin().await.unwrap();
                    assert!(entry().put_if_current(&owned(2), token).await.unwrap());
                }
                _ => {
                    test.table.owner.store(2, Ordering::SeqCst);
                    assert_eq!(entry().refresh().await.owner, 2);
                }
            }
            other.tag("user", &1).invalidate().await.unwrap();
            assert_eq!(stored().await.unwrap().owner, 2, "way {way}");
            assert_eq!(here.item(1).await.owner, 2, "way {way}");
            other.tag("user", &2).invalidate().await.unwrap();
            assert_eq!(stored().await, None, "way {way}");
            assert_eq!(entry().inspect().await.unwrap().map(|_| ()), None);
            // What began before it is not stored manually either.
            let token = entry().begin().await.unwrap();
            cache.tag("user", &2).invalidate().await.unwrap();
            assert!(!entry().put_if_current(&owned(2), token).await.unwrap());
            assert_eq!(stored().await, None, "way {way}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_by_a_tag_is_stale() {
    everywhere(|test| async move {
        let [here, there] = &test.shops;
        assert_eq!((here.feed(1).await, here.feed(2).await), (0, 0));
        assert_eq!(here.orders(1, 1).await, 0);
        test.table.row.store(1, Ordering::SeqCst);
        test.caches[1].tag("user", &1).expire().await.unwrap();
        assert_eq!(there.orders(1, 1).await, 1, "without `stale` it is absent");
        let before = test.caches[1].stats().stale;
        assert_eq!(there.feed(1).await, 0, "the old value, meanwhile");
        assert!(test.caches[1].stats().stale > before);
        let limit = Instant::now() + Duration::from_secs(20);
        while there.feed(1).await != 1 {
            assert!(Instant::now() < limit, "it is refreshed");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let stale = test.caches[1].stats().stale;
        assert_eq!((there.feed(1).await, here.feed(2).await), (1, 0));
        assert_eq!(test.caches[1].stats().stale, stale, "it is fresh");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_fails_invalidates_nothing() {
    everywhere(|test| async move {
        let [shop, _] = &test.shops;
        assert_eq!((shop.orders(1, 1).await, shop.item(1).await.row), (0, 0));
        let failed = test.caches[0].after_commit(async {
            shop.write(1, 1).await?;
            let inside = (shop.orders(1, 1).await, shop.item(1).await.row);
            assert_eq!(inside, (1, 1), "its own writes");
            assert_eq!(shop.entry().orders(1, 1).peek().await.unwrap(), None);
            test.caches[0].tag("user", &1).invalidate().await.unwrap();
            Err::<(), _>(())
        });
        failed.await.unwrap_err();
        assert_eq!((shop.orders(1, 1).await, shop.item(1).await.row), (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_are_found_when_the_index_was_lost() {
    everywhere(|test| async move {
        let Some(server) = &test.server else { return };
        let lose = || {
            let index = server.keys().into_iter().find(|key| key.ends_with(":tags"));
            let _: i64 = server.query(&["DEL", &index.expect("there is an index")]);
        };
        for row in 1..4 {
            test.of_user(1).await;
            lose();
            write(&test, 3, 1, 10 * row).await;
            assert_eq!(
                test.of_user(1).await,
                vec![10 * row; 12],
                "the index is lost"
            );
            // A pair that comes after the index was lost, and one that has known it before.
            let [ranking, values, control] = [0, 1, 2].map(|key| {
                let ends = format!(":{key}");
                server.keys().into_iter().find(|key| key.ends_with(&ends))
            });
            for key in [ranking, values, control].into_iter().flatten() {
                let _: i64 = server.query(&["DEL", &key]);
            }
            lose();
            write(&test, 3, 1, 10 * row + 1).await;
            test.of_user(1).await;
            write(&test, 4, 1, 10 * row + 2).await;
            assert_eq!(test.of_user(1).await, vec![10 * row + 2; 12], "a new pair");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_that_has_lost_the_index_still_drops_the_entries_of_a_tag() {
    everywhere(|test| async move {
        let Some(server) = &test.server else { return };
        test.of_user(1).await;
        let index = server.keys().into_iter().find(|key| key.ends_with(":tags"));
        let _: i64 = server.query(&["DEL", &index.expect("there is an index")]);
        let _: String = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
        test.table.row.store(1, Ordering::SeqCst);
        let dropped = test.caches[0].tag("user", &1).invalidate().await;
        let _: String = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
        dropped.unwrap();
        assert_eq!(test.of_user(1).await, vec![1; 12]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computation_that_a_tag_has_overtaken_leaves_no_lease_behind() {
    let server = Arc::new(Server::start());
    let name = unique("tags");
    // A clock that stands still: a lease that is left behind does not expire.
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let named = || {
        let named = Cache::builder(&name).deadline(PATIENT);
        named.manual_clock(clock.clone())
    };
    let memory = named().memory().build().unwrap();
    let on_server = || named().redis(server.url()).build().unwrap();
    for test in [
        Test::on(None, || memory.clone()),
        Test::on(Some(&server), on_server),
    ] {
        test.table.is_held.send_replace(true);
        let shop = test.shops[0].clone();
        let early = tokio::spawn(async move { shop.orders(1, 1).await });
        test.is_begun(1).await;
        write(&test, 3, 1, 1).await;
        test.table.is_held.send_replace(false);
        assert_eq!(early.await.unwrap(), 0);
        // One that waits for a lease does so for at least four seconds.
        let later = test.shops[1].orders(1, 1);
        let later = tokio::time::timeout(Duration::from_secs(3), later).await;
        assert_eq!(later, Ok(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_of_stamps_there_are_no_entries() {
    everywhere(|test| async move {
        let Some(server) = &test.server else { return };
        test.of_user(1).await;
        write(&test, 3, 1, 1).await;
        for key in server.keys().into_iter().filter(|key| key.ends_with(":2")) {
            let _: i64 = server.query(&["DEL", &key]);
        }
        assert_eq!(test.of_user(1).await, vec![1; 12]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_ten_thousand_tags_the_older_half_is_forgotten() {
    let server = Arc::new(Server::start());
    for on_server in [false, true] {
        let name = unique("many-tags");
        let builder = || Cache::builder(&name).deadline(PATIENT);
        let memory = builder().memory().build().unwrap();
        let test = if on_server {
            Test::on(Some(&server), || {
                builder().redis(server.url()).build().unwrap()
            })
        } else {
            Test::on(None, || memory.clone())
        };
        let [shop, _] = &test.shops;
        let stats = || test.caches[0].stats().forgotten_tags;
        assert_eq!(shop.orders(1, 1).await, 0);
        let user = |n: u64| test.caches[0].tag("user", &(1_000_000 + n));
        for n in 0..7_000 {
            user(n).invalidate().await.unwrap();
        }
        test.table.row.store(1, Ordering::SeqCst);
        assert_eq!(shop.orders(2, 1).await, 1);
        for n in 7_000..10_000 {
            user(n).invalidate().await.unwrap();
        }
        assert_eq!(
            (shop.orders(1, 1).await, stats()),
            (0, 0),
            "none is forgotten"
        );
        user(10_000).invalidate().await.unwrap();
        assert!((4_000..6_000).contains(&stats()), "{}", stats());
        assert_eq!(
            shop.orders(1, 1).await,
            1,
            "it is older than what was forgotten"
        );
        assert_eq!(shop.orders(2, 1).await, 1, "it is not");
        test.table.row.store(2, Ordering::SeqCst);
        assert_eq!((shop.orders(1, 1).await, shop.orders(2, 1).await), (1, 1));
        test.caches[0].tag("user", &2).invalidate().await.unwrap();
        assert_eq!((shop.orders(1, 1).await, shop.orders(2, 1).await), (1, 2));
        if on_server {
            let control = server.keys().into_iter().find(|key| key.ends_with(":2"));
            let stored: u64 = server.query(&["HLEN", &control.unwrap()]);
            assert!(stored < 6_100, "{stored}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_tag_bypasses_the_cache_and_loses_nothing() {
    everywhere(|test| async move {
        let [shop, _] = &test.shops;
        assert_eq!(shop.odd(1).await, 0);
        for id in [13, 14] {
            let bypass = test.caches[0].stats().bypass;
            assert_eq!(shop.odd(id).await, 0);
            assert_eq!(test.caches[0].stats().bypass, bypass + 1);
            let error = shop.entry().odd(id).peek().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Key);
            let error = test.caches[0].tag("odd", &Odd(id)).invalidate().await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Key);
        }
        assert_eq!(shop.entry().odd(1).peek().await.unwrap(), Some(0));
        // As many tags as there may be, and one more.
        for (tags, is_stored) in [(1000, true), (1001, false)] {
            test.table.row.store(tags, Ordering::SeqCst);
            assert_eq!(shop.many(tags).await, tags);
            let stored = shop.entry().many(tags).peek().await.unwrap();
            assert_eq!(stored.is_some(), is_stored, "{tags}");
        }
        test.caches[1].tag("many", &999).invalidate().await.unwrap();
        assert_eq!(shop.entry().many(1000).peek().await.unwrap(), None);
    })
    .await;
}

/// One body for names of any kind: they are digests, and fields of a hash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_tags_may_be_any_text() {
    struct Names;

    #[allow(clippy::ptr_arg)] // `tags_fn` is given what is stored
    fn odd_names(value: &String) -> Tags {
        Tags::new().with(value, &1)
    }

    #[cache_impl(ttl = "1h")]
    impl Names {
        #[cache(tags_fn = odd_names)]
        async fn of(&self, name: String) -> String {
            name
        }
    }

    let server = Server::start();
    let cache = Cache::builder(unique("names")).redis(server.url());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let names = Names.cached(&cache);
    let all = ["", "{a}", "a:b", "a\nb", "*", "ä", "\0", "a b"];
    for name in all {
        names.of(name.to_owned()).await;
    }
    for name in all {
        assert!(
            names
                .entry()
                .of(name.to_owned())
                .peek()
                .await
                .unwrap()
                .is_some()
        );
        cache.tag(name, &1).invalidate().await.unwrap();
        assert_eq!(
            names.entry().of(name.to_owned()).peek().await.unwrap(),
            None,
            "{name:?}"
        );
    }
}

/// Two builds of one method, of which one gives its entries no tags: as during a deployment.
mod builds {
    use super::{AtomicU64, Ordering, Tags, cache_impl};

    pub static ROW: AtomicU64 = AtomicU64::new(0);

    #[allow(clippy::trivially_copy_pass_by_ref)] // `tags_fn` is given a reference
    pub fn of_user(_: &u64) -> Tags {
        Tags::new().with("user", &7)
    }

    macro_rules! build {
        ($build:ident, $($tags:tt)*) => {
            pub mod $build {
                use super::{Ordering, ROW, cache_impl};

                pub struct Orders;

                #[cache_impl(ttl = "1h")]
                impl Orders {
                    #[cache(name = "orders.find" $($tags)*)]
                    pub async fn find(&self, id: u64) -> u64 {
                        id + ROW.load(Ordering::SeqCst)
                    }
                }
            }
        };
    }
    build!(without,);
    build!(by_value, , tags_fn = super::of_user);
    build!(by_argument, , tags(user = 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_with_other_tags_have_other_entries() {
    let server = Server::start();
    let name = unique("builds-and-tags");
    let cache = || {
        let builder = Cache::builder(&name).redis(server.url());
        builder.deadline(PATIENT).build().unwrap()
    };
    let (before, after, later) = (cache(), cache(), cache());
    let without = builds::without::Orders.cached(&before);
    let by_value = builds::by_value::Orders.cached(&after);
    let by_argument = builds::by_argument::Orders.cached(&later);
    for row in [0, 10, 20] {
        builds::ROW.store(row, Ordering::SeqCst);
        let user = Cache::tag(&before, "user", &7);
        user.invalidate().await.unwrap();
        assert_eq!(by_value.find(1).await, 1 + row);
        assert_eq!(by_argument.find(1).await, 1 + row);
        // It stores what has no tags, which the others do not read.
        without.entry().find(1).invalidate().await.unwrap();
        assert_eq!(without.find(1).await, 1 + row);
    }
}

/// A process that does not know the policy of a pair finds it neither to purge nor by a scan. Others have listed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_pairs_in_the_index_that_it_does_not_know() {
    let server = Arc::new(Server::start());
    let name = unique("unknown-policy");
    let builder = || Cache::builder(&name).redis(server.url()).deadline(PATIENT);
    let own = || {
        let policy = CustomPolicy::new("own").in_memory(Policy::Fifo);
        builder().policy(policy.build().unwrap())
    };
    let test = Test::on(Some(&server), || own().build().unwrap());
    let stranger = builder().build().unwrap();
    test.of_user(1).await;
    for row in 1..4 {
        stranger.purge().await.unwrap();
        test.table.row.store(row, Ordering::SeqCst);
        stranger.tag("user", &1).invalidate().await.unwrap();
        assert_eq!(test.of_user(1).await, vec![row; 12]);
    }
}
