//! A `name` stands in keys in place of the path: what is renamed or moved keeps its entries.

use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use support::log::Log;
use support::{Server, unique};
use tracing::Level;

use crate::entry_point::{current, within};

static RUNS: AtomicU64 = AtomicU64::new(0);

fn run(id: u64) -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    id * 2
}

/// Before someone tidied up.
mod before {
    use super::*;

    pub(super) struct UserRepo;

    #[cache_impl]
    impl UserRepo {
        #[cache(name = "user.find")]
        pub(super) async fn find(&self, id: u64) -> u64 {
            run(id)
        }

        /// The same code under its path.
        pub(super) async fn look(&self, id: u64) -> u64 {
            run(id)
        }
    }

    pub(super) struct User;

    #[cache_impl(cache = current())]
    impl User {
        #[cache(name = "user.by_number")]
        pub(super) async fn by_number(id: u64) -> u64 {
            run(id)
        }
    }

    #[cache_fn(cache = current(), name = "user.number")]
    pub(super) async fn number(id: u64) -> u64 {
        run(id)
    }
}

/// Other modules, other types, other names of methods; a trait where there was none.
mod after {
    pub(super) mod people {
        use super::super::*;

        pub(in super::super) struct People;

        pub(in super::super) trait Find {
            async fn by_id(&self, id: u64) -> u64;
            async fn look(&self, id: u64) -> u64;
        }

        #[cache_impl(vis = "pub(in super::super)")]
        impl Find for People {
            #[cache(name = "user.find")]
            async fn by_id(&self, id: u64) -> u64 {
                run(id)
            }

            async fn look(&self, id: u64) -> u64 {
                run(id)
            }
        }

        pub(in super::super) struct Person;

        #[cache_impl(cache = current())]
        impl Person {
            #[cache(name = "user.by_number")]
            pub(in super::super) async fn numbered(id: u64) -> u64 {
                run(id)
            }
        }

        #[cache_fn(cache = current(), name = "user.number")]
        pub(in super::super) async fn number_of(id: u64) -> u64 {
            run(id)
        }
    }
}

/// The same name for another code: a build of its own.
mod changed {
    use super::*;

    pub(super) struct UserRepo;

    #[cache_impl]
    impl UserRepo {
        #[cache(name = "user.find")]
        pub(super) async fn find(&self, id: u64) -> u64 {
            run(id) + 1
        }
    }
}

/// Two programs that share the keys of one cache.
fn two_programs(server: &Server, name: &str, is_multiple: bool) -> [Cache; 2] {
    let name = unique(name);
    [(); 2].map(|()| {
        let builder = Cache::builder(&name).redis(server.url());
        let builder = if is_multiple {
            builder.multiple()
        } else {
            builder.single()
        };
        builder.build().unwrap()
    })
}

#[tokio::test]
async fn what_is_renamed_and_moved_keeps_its_entries() {
    use after::people::{Find as _, People, Person, number_of};
    let server = Server::start();
    for is_multiple in [false, true] {
        let [old, new] = two_programs(&server, "named", is_multiple);
        let (users, people) = (before::UserRepo.cached(&old), People.cached(&new));
        assert_eq!(users.find(1).await, people.by_id(1).await);
        within(&old, before::User::by_number(2)).await;
        within(&new, Person::numbered(2)).await;
        within(&old, before::number(3)).await;
        within(&new, number_of(3)).await;
        assert_eq!((old.stats().exec, new.stats().exec), (3, 0));
        assert_eq!(new.stats().hit, 3);
        // Without a name it is another method.
        users.look(1).await;
        people.look(1).await;
        assert_eq!((old.stats().exec, new.stats().exec), (4, 1));
        old.purge().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_is_the_site_in_statistics() {
    let cache = Cache::builder("shop").build().unwrap();
    before::UserRepo.cached(&cache).find(1).await;
    assert_eq!(cache.method_stats()["user.find"].exec, 1);
}

#[tokio::test]
async fn code_that_differs_shares_no_values_under_one_name() {
    let server = Server::start();
    let [old, new] = two_programs(&server, "named-changed", true);
    let (users, changed) = (
        before::UserRepo.cached(&old),
        changed::UserRepo.cached(&new),
    );
    assert_eq!((users.find(1).await, changed.find(1).await), (2, 3));
    assert_eq!((users.find(1).await, changed.find(1).await), (2, 3));
    assert_eq!((old.stats().exec, new.stats().exec), (1, 1));
}

/// The same code, of which only the types in scope say what it gives.
mod twins {
    macro_rules! twin {
        ($($module:ident $returned:ty)*) => {$(
            pub(super) mod $module {
                use redis_func_cache::cache_impl;

                type Row = $returned;

                pub(crate) struct Repo;

                #[cache_impl]
                impl Repo {
                    #[cache(name = "repo.find")]
                    #[allow(clippy::cast_possible_truncation)] // It tells the types apart.
                    pub(crate) async fn find(&self, id: u64) -> Row {
                        id as Row
                    }
                }
            }
        )*};
    }
    twin!(wide u64 narrow u8);
}

#[tokio::test]
async fn two_methods_of_one_name_share_nothing_and_that_is_logged() {
    let log = Log::start();
    let cache = Cache::builder("shop").build().unwrap();
    let (wide, narrow) = (
        twins::wide::Repo.cached(&cache),
        twins::narrow::Repo.cached(&cache),
    );
    assert_eq!(wide.find(256).await, 256);
    assert_eq!(narrow.find(256).await, 0, "not the entry of the other");
    assert_eq!(narrow.find(256).await, 0);
    assert_eq!((cache.stats().hit, cache.stats().write), (0, 1));
    let error = narrow.all().find().invalidate().await.unwrap_err();
    assert_eq!(error.kind(), redis_func_cache::ErrorKind::Config);
    assert!(error.to_string().contains("repo.find"), "{error}");
    let error = narrow.entry().find(1).peek().await.unwrap_err();
    assert_eq!(error.kind(), redis_func_cache::ErrorKind::Config);
    let said = log.said(Level::ERROR, "both have the name `repo.find`");
    assert_eq!(said.len(), 1, "{:?}", log.events());
}
