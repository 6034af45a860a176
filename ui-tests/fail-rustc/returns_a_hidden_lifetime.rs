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
    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
    pub fn page(&self) -> Page {
        Page { text: "" }
    }
}

fn main() {}
