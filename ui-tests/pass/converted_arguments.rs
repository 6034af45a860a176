#![deny(warnings)]
//! Arguments in any form: they are converted once, and what they become is the key.

use std::fmt::{Debug, Display};
use std::path::Path;
use std::sync::LazyLock;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::{Serialize, de::DeserializeOwned};

struct Repo;

#[derive(Serialize)]
struct Id(u64);

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

#[cache_impl]
impl Repo {
    async fn by_ref(&self, name: impl AsRef<str>) -> usize {
        name.as_ref().len()
    }
    async fn by_slice(&self, ids: impl AsRef<[u64]> + Send) -> usize {
        ids.as_ref().len()
    }
    fn by_path(&self, path: impl AsRef<Path>) -> bool {
        path.as_ref().is_absolute()
    }
    async fn by_into(&self, name: impl Into<String>) -> String {
        name.into()
    }
    async fn by_id(&self, id: impl Into<Id>) -> u64 {
        id.into().0
    }
    async fn by_text(&self, id: impl ToString) -> String {
        id.to_string()
    }
    async fn optional(&self, name: Option<impl AsRef<str>>) -> usize {
        name.map_or(0, |name| name.as_ref().len())
    }
    async fn optional_into(&self, name: Option<impl Into<String>>) -> Option<String> {
        name.map(Into::into)
    }
    async fn optional_text(&self, name: Option<impl ToString>) -> Option<String> {
        name.map(|name| name.to_string())
    }
    async fn items(&self, ids: impl IntoIterator<Item = u64>) -> u64 {
        ids.into_iter().sum()
    }
    async fn borrowed_items<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> String {
        ids.into_iter().collect()
    }
    async fn items_by_ref(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> String {
        ids.into_iter().map(|id| id.as_ref().to_owned()).collect()
    }
    async fn items_into(&self, ids: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
        ids.into_iter().map(Into::into).collect()
    }
    async fn lent(&self, name: &impl AsRef<str>, id: &impl ToString) -> String {
        format!("{}{}", name.as_ref(), id.to_string())
    }
    fn future(&self, name: impl Into<String>) -> impl Future<Output = String> + Send {
        let name = name.into();
        async move { name }
    }

    async fn named<S: AsRef<str>>(&self, name: S) -> usize {
        name.as_ref().len()
    }
    async fn named_in_a_clause<S>(&self, name: S) -> String
    where
        S: Into<String>,
    {
        name.into()
    }
    async fn named_twice<S: AsRef<str>>(&self, first: S, second: Option<S>) -> usize {
        first.as_ref().len() + second.map_or(0, |second| second.as_ref().len())
    }
    async fn named_and_lent<S: AsRef<str> + ?Sized>(&self, name: &S) -> usize {
        name.as_ref().len()
    }
    async fn named_items<I, S>(&self, ids: I) -> String
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        ids.into_iter().map(|id| id.as_ref().to_owned()).collect()
    }
    async fn clause_of_items<I>(&self, ids: I) -> Vec<String>
    where
        I: IntoIterator,
        I::Item: Into<String>,
        I::IntoIter: ExactSizeIterator,
    {
        ids.into_iter().map(Into::into).collect()
    }
    async fn beside_others<T: Serialize + Debug, S: Into<String>, const N: usize>(
        &self,
        other: T,
        name: S,
    ) -> String {
        format!("{other:?}{}{N}", name.into())
    }

    async fn with_more(&self, name: impl AsRef<str> + Debug) -> String {
        format!("{name:?}{}", name.as_ref())
    }
    async fn two_conversions(&self, name: impl AsRef<str> + Into<String>) -> String {
        let seen = name.as_ref().len();
        format!("{seen}{}", name.into())
    }
    async fn cloned(&self, id: impl Into<u64> + Clone + Display) -> String {
        format!("{id}{}", id.clone().into())
    }
    async fn cloned_items(&self, ids: impl IntoIterator<Item = u8> + Clone) -> usize {
        ids.clone().into_iter().count() + ids.into_iter().count()
    }
    async fn text_with_more(
        &self,
        id: impl ToString + Debug,
        or: Option<impl ToString + Debug>,
    ) -> String {
        format!("{id:?}{}{or:?}", id.to_string())
    }
    async fn forever(&self, name: impl AsRef<str> + Send + 'static) -> usize {
        name.as_ref().len()
    }
    async fn named_elsewhere<S: AsRef<str> + Clone>(
        &self,
        name: S,
        #[cache_skip] fallback: &[S],
    ) -> usize {
        name.as_ref().len() + fallback.len()
    }
    async fn serialized(&self, name: impl AsRef<str> + Serialize) -> usize {
        name.as_ref().len()
    }

    async fn skips(
        &self,
        #[cache_skip] by: &str,
        name: impl Into<String>,
        or: impl AsRef<str>,
    ) -> String {
        format!("{by}{}{}", name.into(), or.as_ref())
    }
    fn list_of(
        &self,
        #[cache_skip] by: &str,
        ids: impl IntoIterator<Item = impl ToString>,
    ) -> String {
        ids.into_iter()
            .map(|id| id.to_string())
            .chain([by.to_owned()])
            .collect()
    }

    #[nocache]
    #[invalidates(by_ref(&name), by_into(name.as_ref()), items_by_ref([&name]))]
    async fn rename(&self, name: impl AsRef<str>) -> usize {
        name.as_ref().len()
    }
    #[nocache]
    async fn passed_on<S: AsRef<str>>(&self, name: S) -> usize {
        name.as_ref().len()
    }

    async fn chosen<T: Serialize + DeserializeOwned + Send>(
        &self,
        json: &str,
    ) -> serde_json::Result<T> {
        serde_json::from_str(json)
    }
    async fn chosen_list<T>(&self, json: &str) -> Vec<T>
    where
        T: Serialize + DeserializeOwned,
    {
        serde_json::from_str(json).unwrap_or_default()
    }
}

struct Owned;

/// An execution in the background owns its arguments, whatever they were given as.
#[cache_impl(ttl = "5m", stale = "5m")]
impl Owned {
    async fn by_ref(&self, name: impl AsRef<str>, path: impl AsRef<Path>) -> usize {
        name.as_ref().len() + path.as_ref().components().count()
    }
    async fn by_into<S: Into<String>>(&self, name: S, or: Option<impl AsRef<str>>) -> String {
        or.map_or_else(|| name.into(), |or| or.as_ref().to_owned())
    }
    async fn items(&self, ids: impl IntoIterator<Item = u64>, id: impl ToString) -> String {
        format!("{}{}", ids.into_iter().count(), id.to_string())
    }
    async fn items_by_ref(
        &self,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
        by: &impl AsRef<str>,
    ) -> usize {
        ids.into_iter().map(|id| id.as_ref().len()).sum::<usize>() + by.as_ref().len()
    }
    fn of(&self, name: Option<impl Into<String>>) -> Option<String> {
        name.map(Into::into)
    }
    async fn by_more(&self, name: impl AsRef<str> + Debug + Clone + Send + 'static) -> String {
        format!("{name:?}")
    }
}

#[async_trait]
trait Names {
    async fn length(&self, name: impl AsRef<str> + Send) -> usize;
    async fn joined<I>(&self, ids: I) -> String
    where
        I: IntoIterator<Item = u8> + Send,
        I::IntoIter: Send;
}

#[cache_impl(wrapper = CachedRepo)]
#[async_trait]
impl Names for Repo {
    async fn length(&self, name: impl AsRef<str> + Send) -> usize {
        name.as_ref().len()
    }
    async fn joined<I>(&self, ids: I) -> String
    where
        I: IntoIterator<Item = u8> + Send,
        I::IntoIter: Send,
    {
        ids.into_iter().map(|id| id.to_string()).collect()
    }
}

trait Native {
    fn length(&self, name: impl AsRef<str>) -> usize;
    fn text<S: Into<String> + Send>(&self, name: S) -> impl Future<Output = String> + Send;
}

#[cache_impl(wrapper = CachedOwned)]
impl Native for Owned {
    fn length(&self, name: impl AsRef<str>) -> usize {
        name.as_ref().len()
    }
    async fn text<S: Into<String> + Send>(&self, name: S) -> String {
        name.into()
    }
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
async fn rate<S: AsRef<str>>(code: S, #[cache_skip] db: &str, on: impl Into<String>) -> String {
    format!("{}{}{db}", code.as_ref(), on.into())
}

#[cache_fn(cache = CACHE)]
fn sum(ids: impl IntoIterator<Item = u64>) -> u64 {
    ids.into_iter().sum()
}

struct User(u8);

#[cache_impl(cache = CACHE, self_key = self.0)]
impl User {
    async fn by_email(email: impl AsRef<str>) -> usize {
        email.as_ref().len()
    }
    fn named<S>(&self, name: S) -> String
    where
        S: Into<String>,
    {
        format!("{}{}", self.0, name.into())
    }
}

// The bodies stand in generated ones: what they are given is known by its bound alone, as it was.
#[cache_impl(cache = CACHE, self_key = self.0, handle = NamesOfUser)]
#[async_trait]
impl Names for User {
    async fn length(&self, name: impl AsRef<str> + Send) -> usize {
        name.as_ref().len()
    }
    async fn joined<I>(&self, ids: I) -> String
    where
        I: IntoIterator<Item = u8> + Send,
        I::IntoIter: Send,
    {
        ids.into_iter().map(|id| id.to_string()).collect()
    }
}

#[cache_impl(cache = CACHE, self_key = self.0, handle = NativeUser)]
impl Native for User {
    fn length(&self, name: impl AsRef<str>) -> usize {
        name.as_ref().len()
    }
    async fn text<S: Into<String> + Send>(&self, name: S) -> String {
        let text: String = name.into();
        text
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    let a = || String::from("a");
    assert_eq!(is_send(repo.by_ref("a")).await, repo.by_ref(a()).await);
    assert_eq!(repo.by_slice([1, 2]).await, repo.by_slice(vec![1, 2]).await);
    assert_eq!(repo.by_path("a"), repo.by_path(a()));
    assert_eq!(is_send(repo.by_into("a")).await, repo.by_into('a').await);
    assert_eq!(repo.by_id(7).await, repo.by_id(Id(7)).await);
    assert_eq!(repo.by_text(7).await, repo.by_text("7").await);
    assert_eq!(
        repo.optional(Some("a")).await,
        repo.optional(Some(a())).await
    );
    assert_eq!(
        repo.optional_into(Some("a")).await,
        repo.optional_into(Some(a())).await
    );
    assert_eq!(
        repo.optional_text(Some(7)).await,
        repo.optional_text(Some("7")).await
    );
    assert_eq!(repo.items([1, 2]).await, repo.items(vec![1, 2]).await);
    assert_eq!(
        repo.borrowed_items(["a"]).await,
        repo.borrowed_items(Some(&*a())).await
    );
    assert_eq!(
        repo.items_by_ref(["a"]).await,
        repo.items_by_ref(vec![a()]).await
    );
    assert_eq!(
        repo.items_into(["a"]).await,
        repo.items_into(vec![a()]).await
    );
    assert_eq!(repo.lent(&"a", &7).await, repo.lent(&a(), &"7").await);
    assert_eq!(is_send(repo.future("a")).await, repo.future(a()).await);
    assert_eq!(repo.named("a").await, repo.named::<String>(a()).await);
    assert_eq!(
        repo.named_in_a_clause("a").await,
        repo.named_in_a_clause(a()).await
    );
    assert_eq!(
        repo.named_twice("a", None).await,
        repo.named_twice(a(), None).await
    );
    assert_eq!(
        repo.named_and_lent("a").await,
        repo.named_and_lent(&a()).await
    );
    assert_eq!(
        repo.named_items(["a"]).await,
        repo.named_items(vec![a()]).await
    );
    assert_eq!(
        repo.clause_of_items(["a"]).await,
        repo.clause_of_items(vec![a()]).await
    );
    assert_eq!(
        repo.beside_others::<_, _, 3>(1, "a").await,
        repo.beside_others::<_, _, 3>(1, a()).await
    );
    assert_eq!((cache.stats().hit, cache.stats().miss), (22, 22));

    // With more bounds the type counts.
    for (first, second) in [
        (repo.with_more("a").await, repo.with_more(a()).await),
        (
            repo.two_conversions("a").await,
            repo.two_conversions(a()).await,
        ),
        (repo.cloned(7_u8).await, repo.cloned(7_u16).await),
        (
            repo.text_with_more(7, Some(1)).await,
            repo.text_with_more(7_u8, Some(1)).await,
        ),
    ] {
        assert_eq!(first, second);
    }
    repo.cloned_items([7]).await;
    repo.cloned_items(vec![7]).await;
    repo.named_elsewhere("a", &[]).await;
    repo.named_elsewhere(a(), &[]).await;
    repo.serialized("a").await;
    repo.serialized(a()).await;
    assert_eq!((cache.stats().hit, cache.stats().miss), (22, 36));
    assert_eq!(repo.forever("a").await, repo.forever(a()).await);
    assert_eq!(cache.stats().hit, 23);

    let entry = repo.entry();
    assert_eq!(is_send(entry.by_ref(a()).peek()).await.unwrap(), Some(1));
    assert_eq!(is_send(entry.by_ref(a()).refresh()).await, 1);
    assert_eq!(entry.by_id(7).peek().await.unwrap(), Some(7));
    assert_eq!(entry.by_id(7).refresh().await, 7);
    assert_eq!(entry.optional(Some("a")).refresh().await, 1);
    assert!(entry.items(vec![1, 2]).invalidate().await.unwrap());
    assert!(entry.borrowed_items(["a"]).peek().await.unwrap().is_some());
    assert_eq!(entry.items_by_ref([a()]).refresh().await, "a");
    assert!(entry.items_by_ref(["a"]).peek().await.unwrap().is_some());
    assert!(entry.clause_of_items([a()]).peek().await.unwrap().is_some());
    assert_eq!(entry.lent(&"a", &7).refresh().await, "a7");
    assert_eq!(entry.named_twice("a", Some("b")).refresh().await, 2);
    assert_eq!(entry.with_more("a").refresh().await, "\"a\"a");
    assert_eq!(repo.skips("by", "a", "b").await, "byab");
    assert_eq!(repo.skips("or", a(), a()).await, "oraa");
    assert_eq!(is_send(entry.skips(a(), "b").refresh("x")).await, "xab");
    assert_eq!(repo.list_of("!", [1, 2]), "12!");
    assert_eq!(entry.list_of(["1", "2"]).refresh("?"), "12?");
    assert_eq!(repo.list_of("!", [1, 2]), "12?");

    assert_eq!(repo.rename("a").await, 1);
    assert_eq!(entry.by_ref("a").peek().await.unwrap(), None);
    assert_eq!(entry.by_into("a").peek().await.unwrap(), None);
    assert_eq!(entry.items_by_ref(["a"]).peek().await.unwrap(), None);
    assert_eq!(repo.passed_on(a()).await, 1);

    let number: u8 = repo.chosen("7").await.unwrap();
    let wide: u64 = repo.chosen("7").await.unwrap();
    let list: Vec<u8> = repo.chosen_list("[7]").await;
    assert_eq!((number, wide, &list[..]), (7, 7, &[7][..]));
    assert!(repo.chosen::<String>("7").await.is_err());
    assert_eq!(entry.chosen::<u8>("7").peek().await.unwrap(), Some(7));
    assert_eq!(entry.chosen::<String>("7").peek().await.unwrap(), None);
    assert_eq!(entry.chosen_list::<u8>("[7]").refresh().await, [7]);

    let owned = Owned.cached(&cache);
    for _ in 0..2 {
        assert_eq!(is_send(owned.by_ref(a(), "x/y")).await, 3);
        assert_eq!(is_send(owned.by_into("a", None::<&str>)).await, "a");
        assert_eq!(is_send(owned.items([1, 2], 7)).await, "27");
        assert_eq!(is_send(owned.items_by_ref(["a", "b"], &"c")).await, 3);
        assert_eq!(owned.of(Some("a")).as_deref(), Some("a"));
        assert_eq!(owned.by_more("a").await, "\"a\"");
    }
    assert_eq!(generic(&repo, &owned).await, "1 12 1a");
    assert_eq!(generic(&User(1), &User(1)).await, "1 12 1a");
    assert_eq!(CACHE.stats().exec, 5);
    assert_eq!(
        NativeUser::entry_of(&User(1))
            .text("a")
            .peek()
            .await
            .unwrap()
            .as_deref(),
        Some("a")
    );
    assert_eq!(rate("a", "x", "b").await, rate(a(), "y", 'b').await);
    assert_eq!(rate::entry("a", "b").refresh("z").await, "abz");
    assert_eq!((sum([1, 2]), sum(vec![1, 2])), (3, 3));
    assert_eq!(User::by_email("a").await, User::by_email(a()).await);
    assert_eq!(User(1).named("a"), User(1).named(a()));
    assert_eq!(CachedUser::entry_of(&User(1)).named('a').refresh(), "1a");
}

async fn generic(names: &impl Names, native: &impl Native) -> String {
    let mut lengths = Vec::new();
    for _ in 0..2 {
        lengths.push(names.length("a").await);
        lengths.push(names.length(String::from("a")).await);
        lengths.push(native.length(String::from("a")));
    }
    assert_eq!(lengths, [1; 6]);
    let joined = names.joined([1, 2]).await;
    format!(
        "1 {joined} {}{}",
        native.length("b"),
        is_send(native.text("a")).await
    )
}
