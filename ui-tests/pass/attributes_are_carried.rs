#![deny(warnings, missing_docs)]
//! What a user says of a method to readers and to lints holds for the wrapper's method as well.

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

/// A repository.
pub struct Repo;

#[cache_impl]
impl Repo {
    /// Finds.
    #[deprecated(note = "use `look`")]
    pub async fn find(&self, id: u64) -> u64 {
        id
    }

    /// Looks.
    #[must_use = "this is all that it does"]
    #[inline]
    #[track_caller]
    pub fn look(&self, id: u64) -> u64 {
        id
    }

    /// Meets an expectation in its own body only.
    #[expect(unused_variables, reason = "for later")]
    #[expect(clippy::needless_return)]
    pub fn expects(&self, id: u64) -> u64 {
        return 1;
    }

    #[allow(missing_docs, non_snake_case)]
    pub fn oddName(&self, oddArgument: u64) -> u64 {
        oddArgument
    }

    /// Waits.
    #[nocache]
    #[cold]
    #[must_use]
    pub fn wait(&self) -> u64 {
        1
    }
}

#[cache_impl(wrapper = CachedRepo)]
#[allow(non_snake_case)]
impl Repo {
    async fn otherName(&self, #[cache_skip] otherArgument: u64, keyArgument: u64) -> u64 {
        otherArgument + keyArgument
    }
}

#[expect(deprecated)]
async fn find(repo: &CachedRepo) -> u64 {
    let _ = repo.entry().find(1).refresh().await;
    repo.find(1).await
}

#[expect(unused_must_use)]
fn look(repo: &CachedRepo) {
    repo.look(1);
    repo.wait();
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    assert_eq!(find(&repo).await, 1);
    look(&repo);
    assert_eq!(repo.otherName(1, 2).await, 3);
    assert_eq!(repo.expects(1) + repo.oddName(2), 3);
}
