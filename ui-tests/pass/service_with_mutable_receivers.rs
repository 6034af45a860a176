#![deny(warnings)]
//! Repositories of services whose trait takes `&mut self` throughout, as those over a transaction do.

use async_trait::async_trait;
use redis_func_cache::{Cache, cache_impl};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Ulid(u128);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: Ulid,
    username: String,
}

#[derive(Debug, PartialEq)]
struct DatabaseError;

#[async_trait]
trait UserRepository: Send {
    type Error;

    async fn lookup(&mut self, id: Ulid) -> Result<Option<User>, Self::Error>;
    async fn find_by_username(&mut self, username: &str) -> Result<Option<User>, Self::Error>;
    async fn add(&mut self, username: String) -> Result<User, Self::Error>;
    async fn exists(&mut self, username: &str) -> Result<bool, Self::Error>;
    async fn lock(&mut self, user: User) -> Result<User, Self::Error>;
}

struct PgUserRepository<'c> {
    conn: &'c mut Vec<&'static str>,
}

#[cache_impl(ttl = "1m", self_key = ())]
#[async_trait]
impl UserRepository for PgUserRepository<'_> {
    type Error = DatabaseError;

    #[cache]
    async fn lookup(&mut self, id: Ulid) -> Result<Option<User>, Self::Error> {
        self.conn.push("lookup");
        Ok(Some(User {
            id,
            username: "ann".to_owned(),
        }))
    }

    #[cache]
    async fn find_by_username(&mut self, username: &str) -> Result<Option<User>, Self::Error> {
        self.conn.push("find_by_username");
        Ok(Some(User {
            id: Ulid(1),
            username: username.to_owned(),
        }))
    }

    #[invalidates(find_by_username(&username))]
    async fn add(&mut self, username: String) -> Result<User, Self::Error> {
        self.conn.push("add");
        Ok(User {
            id: Ulid(2),
            username,
        })
    }

    async fn exists(&mut self, username: &str) -> Result<bool, Self::Error> {
        self.conn.push("exists");
        Ok(!username.is_empty())
    }

    #[invalidates(lookup(user.id))]
    async fn lock(&mut self, user: User) -> Result<User, Self::Error> {
        self.conn.push("lock");
        Ok(user)
    }
}

async fn login(users: &mut dyn UserRepository<Error = DatabaseError>) -> Option<User> {
    let user = users.find_by_username("ann").await.unwrap()?;
    assert_eq!(users.exists("ann").await, Ok(true));
    users.lookup(user.id).await.unwrap()
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use redis_func_cache::CacheMutExt as _;

    let cache = Cache::builder("users").build().unwrap();
    let mut conn = Vec::new();
    let mut users = PgUserRepository { conn: &mut conn }.cached_mut(&cache);
    for _ in 0..2 {
        assert_eq!(login(&mut users).await.unwrap().username, "ann");
    }
    let user = users.add("ann".to_owned()).await.unwrap();
    assert_eq!(login(&mut users).await.unwrap().id, Ulid(1));
    users.lock(user).await.unwrap();
    drop(users);
    assert_eq!(
        conn,
        [
            "find_by_username",
            "exists",
            "lookup",
            "exists",
            "add",
            "find_by_username",
            "exists",
            "lock"
        ]
    );
}
