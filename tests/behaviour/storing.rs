//! What is stored of what methods return, and for how long: `cache_none`, `ttl_none`, `cache_if`,
//! `ttl_fn`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use redis_func_cache::{Cache, CacheExt as _, StructureTtl, cache_impl};
use tokio::sync::Notify;

use crate::entry_point::{Method, Place, Source, Subject, every_entry_point};

every_entry_point! {
    a_none_is_stored_unless_cache_none_is_false needs CacheNone;
    a_none_has_a_ttl_of_its_own needs TtlNone;
    a_value_that_cache_if_refuses_is_returned_and_not_stored needs CacheIf;
    ttl_fn_sets_the_ttl_of_a_value needs TtlFn;
    cache_if_precedes_ttl_none_which_precedes_ttl_fn needs CacheIf TtlNone TtlFn;
    followers_share_a_value_that_is_not_stored needs CacheIf;
    refresh_obeys_cache_if_and_put_does_not needs CacheIf TtlFn Refresh;
}

/// Answers with its argument; where that is 0, and the method returns an `Option`, with `None`.
fn subject(place: &Place) -> (Subject, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let cache = place
        .builder()
        .manual_clock(clock.clone())
        .ttl(Duration::from_secs(3600))
        .structure_ttl(StructureTtl::Never)
        .build()
        .unwrap();
    let source = Source::new(|run| async move { Ok((run.id > 0).then_some(run.id)) });
    (place.subject(&cache, &source), clock)
}

/// How often two rounds of calls ran their methods.
async fn runs_of_two_rounds<const N: usize>(subject: &Subject, calls: [(Method, u64); N]) -> u64 {
    let before = subject.source.runs();
    for _ in 0..2 {
        for (method, id) in calls {
            let expected = Ok((id > 0).then_some(id));
            assert_eq!(subject.call(method, id).await, expected, "{method:?}");
        }
    }
    subject.source.runs() - before
}

/// What an entry has left to live, in seconds.
async fn seconds(subject: &Subject, method: Method, id: u64) -> Option<u64> {
    let ttl = subject.entry(method, id).ttl().await.unwrap();
    ttl.map(|left| left.as_secs())
}

async fn is_stored(subject: &Subject, method: Method, id: u64) -> bool {
    subject.entry(method, id).peek().await.unwrap().is_some()
}

async fn a_none_is_stored_unless_cache_none_is_false(place: Place) {
    let (subject, _) = subject(&place);
    let plain = runs_of_two_rounds(&subject, [(Method::Maybe, 0)]).await;
    assert_eq!(plain, 1);
    let stored = subject.entry(Method::Maybe, 0).peek().await.unwrap();
    assert_eq!(stored, Some(None));
    for method in [Method::SomeOnly, Method::FallibleSomeOnly] {
        let runs = runs_of_two_rounds(&subject, [(method, 0), (method, 1)]).await;
        assert_eq!(runs, 3, "{method:?}: `None` twice, `Some` once");
        assert!(!is_stored(&subject, method, 0).await);
    }
}

async fn a_none_has_a_ttl_of_its_own(place: Place) {
    let (subject, clock) = subject(&place);
    let both = [(Method::NoneBriefly, 0), (Method::NoneBriefly, 1)];
    assert_eq!(runs_of_two_rounds(&subject, both).await, 2);
    clock.fetch_add(9_999_000, Ordering::SeqCst);
    assert_eq!(runs_of_two_rounds(&subject, both).await, 0);
    clock.fetch_add(1_000, Ordering::SeqCst);
    assert!(!is_stored(&subject, Method::NoneBriefly, 0).await);
    let runs = runs_of_two_rounds(&subject, both).await;
    assert_eq!(runs, 1, "`Some` still lives");
}

async fn a_value_that_cache_if_refuses_is_returned_and_not_stored(place: Place) {
    let (subject, _) = subject(&place);
    for method in [Method::Even, Method::BlockingEven] {
        let runs = runs_of_two_rounds(&subject, [(method, 1), (method, 2)]).await;
        assert_eq!(runs, 3, "{method:?}");
    }
    let stats = subject.cache.stats();
    assert_eq!((stats.write, stats.error), (2, 0));
    assert_eq!(subject.cache.len().await.unwrap(), 2);
}

async fn ttl_fn_sets_the_ttl_of_a_value(place: Place) {
    let (subject, _) = subject(&place);
    for life in [40, 80] {
        runs_of_two_rounds(&subject, [(Method::OwnTtl, life)]).await;
        assert_eq!(seconds(&subject, Method::OwnTtl, life).await, Some(life));
    }
    subject.source.runs_from_now_on(|_| async { Ok(Some(0)) });
    for _ in 0..2 {
        let answer = subject.call(Method::OwnTtl, 1).await;
        assert_eq!(answer, Ok(Some(0)));
    }
    assert_eq!(
        subject.source.runs(),
        2 + 2,
        "for no time at all is not stored"
    );
    subject
        .source
        .runs_from_now_on(|_| async { Ok(Some(u64::MAX)) });
    subject.call(Method::OwnTtl, 2).await.unwrap();
    let most = 36_500 * 86_400;
    assert_eq!(seconds(&subject, Method::OwnTtl, 2).await, Some(most));
}

async fn cache_if_precedes_ttl_none_which_precedes_ttl_fn(place: Place) {
    let (subject, _) = subject(&place);
    for (id, left) in [(0, 5), (30, 30), (7, 3600)] {
        runs_of_two_rounds(&subject, [(Method::OwnTtlNone, id)]).await;
        let found = seconds(&subject, Method::OwnTtlNone, id).await;
        assert_eq!(found, Some(left), "{id}");
    }
    for (id, left) in [(0, Some(5)), (2, Some(3600)), (1, None)] {
        runs_of_two_rounds(&subject, [(Method::EvenNone, id)]).await;
        assert_eq!(seconds(&subject, Method::EvenNone, id).await, left, "{id}");
    }
}

async fn followers_share_a_value_that_is_not_stored(place: Place) {
    let (subject, _) = subject(&place);
    let gate = Arc::<Notify>::default();
    let its = gate.clone();
    subject.source.runs_from_now_on(move |run| {
        let gate = its.clone();
        async move {
            gate.notified().await;
            gate.notify_one();
            Ok(Some(run.id))
        }
    });
    let all_wait = async {
        while subject.cache.stats().miss < 50 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gate.notify_one();
    };
    let calls = join_all((0..50).map(|_| subject.call(Method::Even, 1)));
    let (answers, ()) = join(calls, all_wait).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Some(1))));
    let coalesced = subject.cache.stats().coalesced;
    assert_eq!((subject.source.runs(), coalesced), (1, 49));
    assert!(!is_stored(&subject, Method::Even, 1).await);
}

async fn refresh_obeys_cache_if_and_put_does_not(place: Place) {
    let (subject, _) = subject(&place);
    let rows = [
        (Method::Even, 1, None),
        (Method::Even, 2, Some(3600)),
        (Method::BlockingEven, 1, None),
        (Method::BlockingEven, 2, Some(3600)),
        (Method::EvenNone, 1, None),
        (Method::OwnTtlNone, 30, Some(30)),
        (Method::OwnTtlNone, 0, Some(5)),
        (Method::OwnTtl, 90, Some(90)),
        (Method::SomeOnly, 0, None),
    ];
    for (method, id, left) in rows {
        let value = (id > 0).then_some(id);
        let entry = subject.entry(method, id);
        assert_eq!(entry.refresh().await, Ok(value), "{method:?}");
        assert_eq!(
            seconds(&subject, method, id).await,
            left,
            "{method:?} of {id}"
        );
        entry.put(value).await.unwrap();
        assert!(is_stored(&subject, method, id).await, "{method:?} of {id}");
    }
}

/// A block's `cache_none`, and what its methods say of themselves.
struct Names(AtomicU64);

trait Lookup {
    fn one(&self, of: u8) -> Option<String>;
    fn other(&self, of: u8) -> Result<Option<String>, u8>;
    fn third(&self, of: u8) -> Option<String>;
    fn count(&self, of: u8) -> usize;
}

#[cache_impl(cache_none = false, ttl = "1h")]
impl Lookup for Names {
    fn one(&self, of: u8) -> Option<String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        (of > 0).then(String::new)
    }
    #[cache(cache_none = true)]
    fn other(&self, of: u8) -> Result<Option<String>, u8> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((of > 0).then(String::new))
    }
    #[cache(ttl_none = "3s")]
    fn third(&self, of: u8) -> Option<String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        (of > 0).then(String::new)
    }
    fn count(&self, of: u8) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst);
        of.into()
    }
}

/// How a block's options and those of its methods are joined is decided before there is a store or an entry
/// point.
#[test]
fn cache_none_of_a_block_applies_to_its_methods_that_return_options() {
    let cache = Cache::builder("names").build().unwrap();
    let names = Names(AtomicU64::new(0)).cached(&cache);
    let runs = || CachedNames::inner(&names).0.swap(0, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!((names.one(0), names.one(1)), (None, Some(String::new())));
    }
    assert_eq!(runs(), 3, "as the block says");
    for _ in 0..2 {
        let answers = (names.other(0), names.third(0), names.count(0));
        assert_eq!(answers, (Ok(None), None, 0));
    }
    assert_eq!(runs(), 3, "as the methods say");
    let ttl = |left: Option<Duration>| left.unwrap().as_secs_f64().round();
    assert!((ttl(names.entry().other(0).ttl().unwrap()) - 3600.0).abs() < 2.0);
    assert!((ttl(names.entry().third(0).ttl().unwrap()) - 3.0).abs() < 2.0);
    names.entry().one(0).put(&None).unwrap();
    assert_eq!(names.entry().one(0).peek().unwrap(), Some(None));
}

/// The kinds of functions that a rule may be: of what the value derefs to, generic, of the type itself.
struct Rules(AtomicU64);

fn is_short(text: &str) -> bool {
    text.len() < 3
}

fn are_several<T>(values: &[T]) -> bool {
    values.len() > 1
}

#[cache_impl]
impl Rules {
    #[nocache]
    #[allow(clippy::trivially_copy_pass_by_ref)] // as a rule is given it
    fn is_positive(of: &i64) -> bool {
        *of > 0
    }

    #[cache(cache_if = is_short)]
    fn text(&self, text: &str) -> String {
        self.0.fetch_add(1, Ordering::SeqCst);
        text.to_owned()
    }

    #[cache(cache_if = are_several)]
    fn list(&self, n: usize) -> Vec<String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        vec![String::new(); n]
    }

    #[cache(cache_if = Self::is_positive)]
    fn skipping(&self, #[cache_skip] of: i64, _id: u8) -> i64 {
        self.0.fetch_add(1, Ordering::SeqCst);
        of
    }
}

#[test]
fn a_rule_is_any_function_of_what_is_stored() {
    let cache = Cache::builder("rules").build().unwrap();
    let rules = Rules(AtomicU64::new(0)).cached(&cache);
    for _ in 0..2 {
        assert_eq!(
            (rules.text("ab"), rules.text("abc")),
            ("ab".into(), "abc".into())
        );
        assert_eq!((rules.list(1).len(), rules.list(2).len()), (1, 2));
        assert_eq!((rules.skipping(-1, 0), rules.skipping(1, 1)), (-1, 1));
    }
    let runs = CachedRules::inner(&rules).0.load(Ordering::SeqCst);
    assert_eq!(runs, 3 * 3, "once what is stored, twice what is refused");
    assert_eq!(rules.entry().skipping(1).refresh(-1), -1);
    assert_eq!(rules.entry().skipping(1).peek().unwrap(), Some(1));
}
