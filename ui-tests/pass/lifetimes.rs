#![deny(warnings)]

use std::borrow::Cow;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct View<'v> {
    text: &'v str,
}

#[cache_impl]
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

#[tokio::main(flavor = "current_thread")]
async fn main() {
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
