use std::borrow::Cow;

use redis_func_cache::cache_impl;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Page<'a> {
    text: &'a str,
}

pub struct Repo {
    text: String,
}

#[cache_impl]
impl Repo {
    pub fn page(&self) -> Page<'_> {
        Page { text: &self.text }
    }

    pub async fn pages<'a>(&'a self, of: &'a str) -> Result<Vec<Page<'a>>, String> {
        Ok(vec![Page { text: of }, self.page()])
    }

    pub fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.text.clone())
    }
}

fn main() {}
