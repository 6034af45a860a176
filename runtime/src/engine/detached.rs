//! Work on the store that goes on when its caller waits no longer, or has gone away.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::rt::background::spawn;

/// Begins work, and waits for it `at_most` so long. What it comes to later is for `late`.
pub(crate) async fn within<T: Send + 'static>(
    cache: &Engine,
    at_most: Duration,
    work: impl Future<Output = T> + Send + 'static,
    late: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    if cache.store().is_immediate() {
        return Some(work.await);
    }
    let (tell, told) = oneshot::channel();
    let task = async move {
        let mut work = pin!(work);
        let done = match tokio::time::timeout(at_most, work.as_mut()).await {
            Ok(done) => tell.send(done).err(),
            Err(_) => {
                drop(tell);
                Some(work.await)
            }
        };
        if let Some(done) = done {
            late(done);
        }
    };
    // Without a driver there is no connection either.
    spawn(task).ok()?;
    told.await.ok()
}

/// Begins work for which nobody waits.
pub(crate) fn start(cache: &Engine, work: impl Future<Output = ()> + Send + 'static) {
    if cache.store().is_immediate() {
        let done = work.now_or_never();
        debug_assert!(done.is_some(), "it has nothing to wait for");
        return;
    }
    // As above.
    let _ = spawn(work);
}
