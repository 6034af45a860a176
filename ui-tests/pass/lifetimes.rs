#![deny(warnings)]

use std::borrow::Cow;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct View<'v> {
    text: &'v str,
}

#[cache_impl(self_key = ())]
impl<'v> View<'v> {
    async fn find<'a>(&'a self, word: &'a str, other: &str) -> Option<usize> {
        self.text.find(word).or(self.text.find(other))
    }

    fn from_this(self: &Self, _at: &'v str) -> String {
        self.text.to_owned()
    }

    async fn words<'a, 'b: 'a>(self: &'a Self, by: Cow<'b, str>) -> Vec<String> {
        self.text.split(&*by).map(str::to_owned).collect()
    }

    async fn owned(&self, word: &str) -> Cow<'static, str> {
        Cow::Owned(word.to_owned())
    }

    async fn borrowed(&self, word: &str) -> Cow<'_, str> {
        Cow::Owned(format!("{}{word}", self.text))
    }

    async fn of_call<'a>(&self, word: &'a str) -> Cow<'a, str> {
        Cow::Owned(word.to_owned())
    }

    async fn of_self<'a>(&'a self, #[cache_skip] by: &'a str, id: &str) -> Cow<'a, str> {
        Cow::Owned(format!("{}{by}{id}", self.text))
    }

    fn nested(&self, words: &[&str], of: Option<&Option<&u8>>) -> usize {
        words.len() + of.iter().count()
    }
}

struct Errors;

#[cache_impl(self_key = ())]
impl Errors {
    async fn fixed(&self, id: u8) -> Result<u8, &'static str> {
        if id > 0 { Ok(id) } else { Err("zero") }
    }
    async fn borrowed(&self, id: u8) -> Result<u8, &str> {
        if id > 0 { Ok(id) } else { Err("zero") }
    }
    fn named<'a>(&self, id: u8, by: &'a str) -> Result<u8, &'a str> {
        if id > 0 { Ok(id) } else { Err(by) }
    }
}

struct Words<'w, T>(&'w [T]);

trait Longest<'t> {
    fn longest(&self, of: &'t str) -> usize;
}

/// Lifetimes without a name.
#[cache_impl(self_key = ())]
impl Words<'_, &str> {
    fn count(&self) -> usize {
        self.0.len()
    }
}

#[cache_impl(extend)]
impl Longest<'_> for Words<'_, &str> {
    fn longest(&self, of: &str) -> usize {
        let lengths = self.0.iter().map(|word| word.len());
        lengths.max().unwrap_or(of.len())
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let text = String::from("one two");
    let view: CachedView<'_> = View { text: &text }.cached(&cache);
    for _ in 0..2 {
        assert_eq!(view.find("two", "one").await, Some(4));
        assert_eq!(view.from_this(&text), text);
        assert_eq!(view.words(" ".into()).await, ["one", "two"]);
        assert_eq!(view.owned("a").await, "a");
        assert_eq!(view.borrowed("!").await, "one two!");
        assert_eq!(view.of_call("b").await, "b");
        assert_eq!(view.of_self("a", "b").await, "one twoab");
        assert_eq!(view.nested(&["a", "b"], Some(&Some(&1))), 3);
    }
    assert_eq!(cache.stats().hit, 8);
    let errors = Errors.cached(&cache);
    assert_eq!(
        (errors.fixed(0).await, errors.borrowed(0).await),
        (Err("zero"), Err("zero"))
    );
    assert_eq!(
        (errors.named(0, "a"), errors.named(1, "a")),
        (Err("a"), Ok(1))
    );
    assert_eq!(errors.entry().fixed(0).refresh().await, Err("zero"));
    assert_eq!(errors.entry().borrowed(0).refresh().await, Err("zero"));
    assert_eq!(errors.entry().named(0, "b").refresh(), Err("b"));

    let words = ["one", "three"];
    let words: CachedWords<'_, '_> = Words(&words).cached(&cache);
    assert_eq!((words.count(), words.count(), words.longest("")), (2, 2, 5));
    assert_eq!(
        words.entry().count().refresh() + words.entry().longest("").refresh(),
        7
    );

    assert_eq!(
        view.entry().find("two", "one").peek().await.unwrap(),
        Some(Some(4))
    );
    assert_eq!(
        view.entry().words("t".into()).refresh().await,
        ["one ", "wo"]
    );
    assert_eq!(view.entry().borrowed("?").refresh().await, "one two?");
    assert_eq!(view.entry().of_call("?").refresh().await, "?");
    assert_eq!(view.entry().of_self("?").refresh("!").await, "one two!?");
    assert_eq!(view.entry().nested(&["a", "b"], None).refresh(), 2);
    assert_eq!(view.entry().from_this(&text).refresh(), text);
}
