#![deny(warnings)]

use redis_func_cache::cache_impl;

struct Db;

impl Db {
    async fn get(&self, _key: &str) -> String {
        String::new()
    }
}

pub struct Orders {
    db: Db,
    owner: String,
    base_url: String,
}

#[cache_impl(ttl = "5m")]
impl Orders {
    pub async fn list(&self, page: u32) -> String {
        let key = format!("{}/{page}", self.base_url);
        self.db.get(&key).await + &self.owner
    }

    pub fn title(&self, page: u32) -> String {
        let Self { owner, db: _db, .. } = self;
        format!("{owner}: {page}")
    }
}

/// The block that makes the wrapper says nothing of `self` either.
#[cache_impl(extend)]
impl Orders {
    pub fn mine(&self) -> String {
        self.owner.clone()
    }
}

fn main() {}
