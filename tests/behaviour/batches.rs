//! Batch methods: many ids in one call, each cached separately.

mod basics;
mod each;
mod ends;
mod joins;
mod properties;
mod repo;
mod returns;
mod wire;

use std::future::Future;
use std::rc::Rc;

use redis_func_cache::{Cache, CacheBuilder};
use support::{PATIENT, Server, binaries, check_pairs, unique};

/// One body for every store.
pub(crate) async fn everywhere<F: Future<Output = ()>>(
    test: impl Fn(CacheBuilder, Option<Rc<Server>>) -> F,
) {
    test(Cache::builder(unique("batches")).memory(), None).await;
    for binary in binaries() {
        let server = Rc::new(Server::start_on(&binary));
        let cache = Cache::builder(unique("batches")).redis(server.url());
        test(cache.deadline(PATIENT), Some(server.clone())).await;
        check_pairs(&server);
    }
}

/// Two caches of one name, each as if it were in a process of its own.
pub(crate) fn two_caches(server: &Server) -> [Cache; 2] {
    let name = unique("batches");
    [(); 2].map(|()| {
        let cache = Cache::builder(&name).redis(server.url());
        cache.deadline(PATIENT).build().unwrap()
    })
}
