//! What looks alike and is not shares no entries: arguments of two types, types of two functions.

// An `impl Trait` by value is what is tested.
#![allow(clippy::needless_pass_by_value)]

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_fn, cache_impl};
use serde::Serialize;

use support::{Server, unique};

use crate::entry_point::{current, within};

trait Table {
    const NAME: &'static str;
    fn number(&self) -> u64;
}

/// Types of one name and of one form, in two modules.
macro_rules! ids {
    ($($module:ident)*) => {$(
        mod $module {
            #[derive(Debug, Clone, serde::Serialize)]
            pub(super) struct Id(pub(super) u64);

            impl super::Table for Id {
                const NAME: &'static str = stringify!($module);
                fn number(&self) -> u64 {
                    self.0
                }
            }
        }
    )*};
}
ids!(order user);

struct Names;

/// Every way to write an argument whose type the signature does not name.
#[cache_impl(ttl = "5m")]
impl Names {
    async fn value(&self, id: impl Table + Serialize + Clone) -> String {
        name(&id)
    }

    async fn reference(&self, id: &(impl Table + Serialize)) -> String {
        name(id)
    }

    async fn list(&self, ids: Vec<impl Table + Serialize + Clone>) -> String {
        name(&ids[0])
    }

    async fn slice(&self, ids: &[impl Table + Serialize]) -> String {
        name(&ids[0])
    }

    async fn option(&self, id: Option<impl Table + Serialize + Clone>) -> String {
        id.map_or_else(String::new, |id| name(&id))
    }

    async fn pattern(&self, (id, more): (impl Table + Serialize + Clone, u8)) -> String {
        format!("{}{}", name(&id), if more > 1 { "!" } else { "" })
    }

    async fn two(&self, a: impl Table + Serialize + Clone, b: &(impl Table + Serialize)) -> String {
        name(&a) + &name(b)
    }

    fn future(&self, id: impl Table + Serialize + Clone) -> impl Future<Output = String> {
        let name = name(&id);
        async move { name }
    }

    fn blocking(&self, id: impl Table + Serialize + Clone) -> String {
        name(&id)
    }

    #[cache(stale = "1m")]
    async fn refreshed(&self, id: impl Table + Serialize + Clone + Send + 'static) -> String {
        name(&id)
    }

    async fn parameter<T: Table + Serialize + Clone>(&self, id: T) -> String {
        name(&id)
    }

    async fn nested(&self, ids: impl Ids<Id = impl Table> + Serialize + Clone) -> String {
        name(&ids.first())
    }

    #[nocache]
    #[invalidates(value(id.clone()), list(vec![id.clone()]))]
    async fn rename(&self, id: impl Table + Serialize + Clone) {
        let _ = id;
    }
}

fn name<T: Table>(id: &T) -> String {
    format!("{} {}", T::NAME, id.number())
}

trait Ids {
    type Id;
    fn first(&self) -> Self::Id;
}

impl<T: Table + Clone> Ids for Vec<T> {
    type Id = T;

    fn first(&self) -> T {
        self[0].clone()
    }
}

/// One call each, and what the handle of that call finds.
macro_rules! calls {
    ($repo:ident, $id:expr) => {{
        let id = || $id;
        let by_call = [
            $repo.value(id()).await,
            $repo.reference(&id()).await,
            $repo.list(vec![id()]).await,
            $repo.slice(&[id()]).await,
            $repo.option(Some(id())).await,
            $repo.pattern((id(), 1)).await,
            $repo.two(id(), &id()).await,
            $repo.future(id()).await,
            $repo.blocking(id()),
            $repo.refreshed(id()).await,
            $repo.parameter(id()).await,
            $repo.nested(vec![id()]).await,
        ];
        let by_handle = [
            $repo.entry().value(id()).peek().await,
            $repo.entry().reference(&id()).peek().await,
            $repo.entry().list(vec![id()]).peek().await,
            $repo.entry().slice(&[id()]).peek().await,
            $repo.entry().option(Some(id())).peek().await,
            $repo.entry().pattern((id(), 1)).peek().await,
            $repo.entry().two(id(), &id()).peek().await,
            $repo.entry().future(id()).peek().await,
            $repo.entry().blocking(id()).peek(),
            $repo.entry().refreshed(id()).peek().await,
            $repo.entry().parameter(id()).peek().await,
            $repo.entry().nested(vec![id()]).peek().await,
        ];
        (by_call, by_handle.map(|found| found.unwrap()))
    }};
}

/// In memory and on a server, with one pair and with many.
async fn everywhere(mut check: impl AsyncFnMut(&str, CacheBuilder)) {
    let server = Server::start();
    for (layout, build) in [
        ("single", CacheBuilder::single as fn(_) -> _),
        ("multiple", CacheBuilder::multiple),
    ] {
        let builder = || build(Cache::builder(unique("identity")));
        check(&format!("memory, {layout}"), builder().memory()).await;
        check(&format!("redis, {layout}"), builder().redis(server.url())).await;
    }
}

#[tokio::test]
async fn arguments_of_two_types_are_two_keys_in_every_spelling() {
    everywhere(async |what, builder| {
        let repo = Names.cached(&builder.build().unwrap());
        for _ in 0..2 {
            let (orders, found) = calls!(repo, order::Id(7));
            assert!(
                orders.iter().all(|name| name.contains("order 7")),
                "{what}: {orders:?}"
            );
            assert_eq!(found, orders.clone().map(Some), "{what}");
            let (users, found) = calls!(repo, user::Id(7));
            assert!(
                users.iter().all(|name| !name.contains("order")),
                "{what}: {users:?}"
            );
            assert_eq!(found, users.map(Some), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_finds_the_entries_of_its_own_type() {
    everywhere(async |what, builder| {
        let repo = Names.cached(&builder.build().unwrap());
        repo.value(order::Id(7)).await;
        repo.value(user::Id(7)).await;
        repo.list(vec![user::Id(7)]).await;
        repo.rename(user::Id(7)).await;
        let of_order = repo.entry().value(order::Id(7)).peek().await.unwrap();
        assert_eq!(of_order.as_deref(), Some("order 7"), "{what}");
        let of_user = repo.entry().value(user::Id(7)).peek().await.unwrap();
        let listed = repo.entry().list(vec![user::Id(7)]).peek().await.unwrap();
        assert_eq!((of_user, listed), (None, None), "{what}");
    })
    .await;
}

trait Answer {
    fn answer(&self) -> String;
}

struct Of<T>(T);

struct Generic<T>(T);

#[cache_impl]
impl<T: Answer> Generic<T> {
    async fn find(&self, _id: u64) -> String {
        self.0.answer()
    }
}

/// Functions with types of one name, whose methods have the same tokens. Each gives what a handle
/// finds before anything is called, and then what calls answer.
macro_rules! functions {
    ($($function:ident $answer:literal)*) => {$(
        async fn $function(cache: &Cache) -> (Option<String>, [String; 8]) {
            fn answer() -> String {
                $answer.to_owned()
            }
            struct Local;
            #[cache_impl]
            impl Local {
                async fn find(&self, _id: u64) -> String {
                    answer()
                }
                #[cache(multiple)]
                fn look(&self) -> String {
                    answer()
                }
            }
            #[cache_impl]
            impl Of<Local> {
                async fn find(&self, _id: u64) -> String {
                    answer()
                }
            }
            impl Answer for Local {
                fn answer(&self) -> String {
                    answer()
                }
            }
            #[derive(serde::Serialize)]
            struct Id(u64);
            #[cache_fn(cache = current())]
            async fn read(_id: u64) -> String {
                answer()
            }
            #[cache_fn(cache = current(), multiple)]
            fn read_of_type(_id: &Id) -> String {
                answer()
            }
            struct InPlace;
            #[cache_impl(cache = current(), self_key = ())]
            impl InPlace {
                async fn find(&self, _id: u64) -> String {
                    answer()
                }
                #[cache(multiple)]
                fn by_id(_id: u64) -> String {
                    answer()
                }
            }
            let local = Local.cached(cache);
            let found = local.entry().find(1).peek().await.unwrap();
            let answers = [
                local.find(1).await,
                local.look(),
                Of(Local).cached(cache).find(1).await,
                Generic(Local).cached(cache).find(1).await,
                read(1).await,
                read_of_type(&Id(1)),
                InPlace.find(1).await,
                InPlace::by_id(1),
            ];
            (found, answers)
        }
    )*};
}
functions!(one "one" other "other");

#[tokio::test]
async fn types_of_one_name_in_two_functions_share_nothing() {
    everywhere(async |what, builder| {
        let cache = builder.build().unwrap();
        for round in 0..2 {
            let of = |answer: &str| [(); 8].map(|()| answer.to_owned());
            let found = |answer: &str| (round > 0).then(|| answer.to_owned());
            let answers = within(&cache, one(&cache)).await;
            assert_eq!(answers, (found("one"), of("one")), "{what}");
            let answers = within(&cache, other(&cache)).await;
            assert_eq!(answers, (found("other"), of("other")), "{what}");
        }
    })
    .await;
}
