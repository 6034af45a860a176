#![deny(warnings)]

use std::fmt::Display;
use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};
use serde::Serialize;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

trait Db: Sync {
    const NAME: &'static str;
}
struct Pg;
struct My;
impl Db for Pg {
    const NAME: &'static str = "pg";
}
impl Db for My {
    const NAME: &'static str = "my";
}

/// The type is in the key: another database, another entry.
#[cache_fn(cache = CACHE)]
async fn name<D: Db>(#[cache_skip] _db: &D, id: u64) -> String {
    format!("{} {id}", D::NAME)
}

#[cache_fn(cache = CACHE)]
fn shown<T>(value: T, times: usize) -> String
where
    T: Display + Serialize,
{
    value.to_string().repeat(times)
}

#[cache_fn(cache = CACHE)]
fn sized<const N: usize>(of: &[u8]) -> usize {
    of.len() + N
}

#[cache_fn(cache = CACHE)]
fn displayed(value: impl Display + Serialize) -> String {
    format!("<{value}>")
}

#[cache_fn(cache = CACHE)]
async fn borrowed<'a, 'b: 'a>(one: &'a str, two: &'b [&'a str], three: Option<&str>) -> usize {
    one.len() + two.len() + three.map_or(0, str::len)
}

#[cache_fn(cache = CACHE)]
fn future(id: u64, of: &str) -> impl Future<Output = Result<u64, String>> + Send + '_ {
    async move { Ok(id + of.len() as u64) }
}

#[cache_fn(cache = CACHE)]
fn as_in_2021<'a>(id: u64, of: &'a str) -> impl core::future::Future<Output = u64> + 'a {
    async move { id + of.len() as u64 }
}

#[cache_fn(cache = CACHE)]
fn captures_nothing(id: u64, of: String) -> impl Future<Output = u64> + Send + use<> {
    let length = of.len() as u64;
    async move { id + length }
}

#[derive(Serialize)]
struct Point {
    x: i32,
    y: i32,
}

#[cache_fn(cache = CACHE)]
fn patterns(
    (a, _): (i32, i32),
    Point { x, y: z }: Point,
    [first, ..]: [i32; 3],
    _: u8,
    mut times: i32,
) -> i32 {
    times += 1;
    (a + x + z + first) * times
}

#[cache_fn(cache = CACHE)]
fn whole(
    all @ (_, last): (u8, u8),
    ref text: String,
    &by: &u8,
    #[cache_skip] (_, b): (&u8, &u8),
) -> String {
    format!("{all:?} {last} {text} {by} {b}")
}

#[cache_fn(cache = CACHE)]
fn r#type(r#in: u8, r#fn: &str) -> usize {
    usize::from(r#in) + r#fn.len()
}

#[cache_fn(cache = CACHE, handle = r#struct)]
async fn r#match(r#in: u8) -> u8 {
    r#in
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    for _ in 0..2 {
        assert_eq!(name(&Pg, 1).await, "pg 1");
        assert_eq!(name(&My, 1).await, "my 1");
        assert_eq!(
            (shown(1, 2), shown("a", 2)),
            ("11".to_owned(), "aa".to_owned())
        );
        assert_eq!((sized::<1>(&[1]), sized::<2>(&[1])), (2, 3));
        assert_eq!(
            (displayed(1), displayed("1")),
            ("<1>".to_owned(), "<1>".to_owned())
        );
        assert_eq!(borrowed("ab", &["c"], Some("d")).await, 4);
        assert_eq!(future(1, "ab").await, Ok(3));
        assert_eq!(as_in_2021(1, "ab").await, 3);
        assert_eq!(captures_nothing(1, "ab".to_owned()).await, 3);
        assert_eq!(patterns((1, 2), Point { x: 3, y: 4 }, [5, 6, 7], 8, 1), 26);
        assert_eq!(
            whole((1, 2), "t".to_owned(), &3, (&4, &5)),
            "(1, 2) 2 t 3 5"
        );
        assert_eq!((r#type(1, "ab"), r#match(4).await), (3, 4));
    }
    let stats = CACHE.stats();
    assert_eq!((stats.miss, stats.hit, stats.undecodable), (16, 16, 0));

    // Type parameters are given as to the function.
    assert_eq!(
        name::entry::<Pg>(1).peek().await.unwrap().as_deref(),
        Some("pg 1")
    );
    assert_eq!(name::uncached(&My, 2).await, "my 2");
    assert_eq!(shown::entry("a", 2).peek().unwrap().as_deref(), Some("aa"));
    assert_eq!(sized::entry::<2>(&[1]).peek().unwrap(), Some(3));
    assert_eq!(
        borrowed::entry("ab", &["c"], Some("d"))
            .peek()
            .await
            .unwrap(),
        Some(4)
    );
    assert_eq!(future::entry(1, "ab").peek().await.unwrap(), Some(3));
    assert_eq!(
        whole::entry((1, 2), "t".to_owned(), &3).refresh((&6, &7)),
        "(1, 2) 2 t 3 7"
    );
    assert_eq!(r#type::entry(1, "ab").peek().unwrap(), Some(3));
    assert_eq!(r#struct::entry(4).peek().await.unwrap(), Some(4));

    // All entries of a method, of all its types.
    name::all().invalidate().await.unwrap();
    assert_eq!(name::entry::<Pg>(1).peek().await.unwrap(), None);
    assert_eq!(name::entry::<My>(1).peek().await.unwrap(), None);
    assert_eq!(r#struct::entry(4).peek().await.unwrap(), Some(4));
}
