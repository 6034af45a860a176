#![deny(warnings)]
//! Models as people write them with diesel: a connection is lent mutably, and is in front or behind.

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("accounts").build().unwrap());

#[derive(Default)]
struct PgConnection {
    queries: u64,
}

type QueryResult<T> = Result<T, NotFound>;

#[derive(Debug, PartialEq)]
struct NotFound;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: i32,
    email: String,
}

#[cache_impl(cache = CACHE, ttl = "1m", only(find, by_email, with_name, posts), skip(conn), self_key = self.id)]
impl User {
    fn find(conn: &mut PgConnection, user_id: i32) -> QueryResult<Self> {
        conn.load();
        if user_id == 0 {
            Err(NotFound)
        } else {
            Ok(Self {
                id: user_id,
                email: "a@b".to_owned(),
            })
        }
    }

    fn by_email(conn: &mut PgConnection, email: &str) -> QueryResult<Option<Self>> {
        conn.load();
        Ok(Some(Self {
            id: 7,
            email: email.to_owned(),
        }))
    }

    fn with_name(name: &str, limit: i64, conn: &mut PgConnection) -> QueryResult<Vec<Self>> {
        conn.load();
        Ok(vec![Self {
            id: limit as i32,
            email: name.to_owned(),
        }])
    }

    fn posts(&self, conn: &mut PgConnection) -> QueryResult<Vec<String>> {
        conn.load();
        Ok(vec![format!("of {}", self.id)])
    }

    #[invalidates(by_email(email))]
    fn create(conn: &mut PgConnection, email: &str) -> QueryResult<usize> {
        conn.load();
        Ok(email.len())
    }

    #[invalidates(find(self.id), by_email(&self.email))]
    fn delete(&self, conn: &mut PgConnection) -> QueryResult<usize> {
        conn.load();
        Ok(1)
    }

    fn verify(&mut self, conn: &mut PgConnection) -> QueryResult<bool> {
        conn.load();
        Ok(true)
    }
}

impl PgConnection {
    fn load(&mut self) {
        self.queries += 1;
    }
}

pub fn main() {
    let mut conn = PgConnection::default();
    for _ in 0..2 {
        let user = User::find(&mut conn, 1).unwrap();
        assert_eq!(user.posts(&mut conn), Ok(vec!["of 1".to_owned()]));
        assert_eq!(User::by_email(&mut conn, "c@d").unwrap().unwrap().id, 7);
        assert_eq!(User::with_name("e", 3, &mut conn).unwrap()[0].id, 3);
    }
    assert_eq!(conn.queries, 4);
    assert_eq!(User::find(&mut conn, 0), Err(NotFound));
    assert_eq!(User::find(&mut conn, 0), Err(NotFound));
    assert_eq!(conn.queries, 6);

    assert_eq!(User::create(&mut conn, "c@d"), Ok(3));
    assert_eq!(CachedUser::entry().by_email("c@d").peek().unwrap(), None);
    let mut user = User::find(&mut conn, 1).unwrap();
    assert_eq!(
        (user.verify(&mut conn), user.verify(&mut conn)),
        (Ok(true), Ok(true))
    );
    assert_eq!(user.delete(&mut conn), Ok(1));
    assert_eq!(CachedUser::entry().find(1).peek().unwrap(), None);
    assert_eq!(conn.queries, 10);
}
